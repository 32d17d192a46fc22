// The picture that is shown stays in sight until the next source has one.

/** Covers the video with its present picture; null where there is none to keep. */
export function still(video: HTMLVideoElement, lifted: (canvas: HTMLCanvasElement) => void): HTMLCanvasElement | null {
  if (video.readyState < 2 || !video.videoWidth || video.currentTime === 0) return null;
  const canvas = document.createElement("canvas");
  canvas.className = "still";
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  video.after(canvas);
  const lift = () => {
    canvas.remove();
    lifted(canvas);
  };
  // Not the frame that is on its way already: the first one of the new source.
  video.addEventListener("emptied", () => video.addEventListener("loadeddata", lift, { once: true }), { once: true });
  return canvas;
}
