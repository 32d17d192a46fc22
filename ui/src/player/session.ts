// The system's own media controls: lock screens, headsets, media keys.

import type { Acts } from "./acts";

export function mediaSession(acts: Acts, about: { title: string; artist: string; poster: string }): void {
  if (!("mediaSession" in navigator)) return;
  const session = navigator.mediaSession;
  const { video } = acts;
  const actions: [MediaSessionAction, MediaSessionActionHandler][] = [
    ["play", () => void video.play().catch(() => {})],
    ["pause", () => video.pause()],
    ["seekbackward", ({ seekOffset }) => acts.seek(video.currentTime - (seekOffset ?? 10))],
    ["seekforward", ({ seekOffset }) => acts.seek(video.currentTime + (seekOffset ?? 10))],
    ["seekto", ({ seekTime }) => acts.seek(seekTime ?? 0)],
  ];
  const place = () => {
    const { total } = acts;
    if (total <= 0 || !session.setPositionState) return;
    session.setPositionState({
      duration: total,
      playbackRate: video.playbackRate,
      position: Math.min(total, video.currentTime),
    });
  };
  // Taken when this video first plays: another window of the browser may have them until then.
  video.addEventListener("play", () => {
    const artwork = about.poster ? [{ src: new URL(about.poster, location.href).href, type: "image/jpeg" }] : [];
    session.metadata = new MediaMetadata({ title: about.title, artist: about.artist, artwork });
    for (const [action, handler] of actions) {
      try {
        session.setActionHandler(action, handler);
      } catch {
        // This browser does not know the action.
      }
    }
    place();
  });
  for (const name of ["seeked", "ratechange", "durationchange"]) video.addEventListener(name, place);
}
