//! A picture that changes its size or the shape of its pixels on the way is fitted, never stretched.

use std::path::Path;

use virga_db::TrackRowKind;

use crate::site::{Site, decodes, ffmpeg, streams};

/// Two seconds each of a white square of 80 × 80 as shown, in the middle of: 320 × 180; an upright
/// picture; 240 × 180 of wide pixels, which is 320 × 180 as shown.
const PARTS: [(&str, &str, &str); 3] = [
    ("320x180", "x=120:y=50:w=80:h=80", "1"),
    ("240x320", "x=80:y=120:w=80:h=80", "1"),
    ("240x180", "x=90:y=50:w=60:h=80", "4/3"),
];
/// Width and height of the square in each, in a frame of 320 × 180.
const SQUARES: [(i32, i32); 3] = [(80, 80), (45, 45), (80, 80)];

/// The first `parts` one after another, as a transport stream.
fn stream(site: &Site, parts: usize) {
    let mut bytes = Vec::new();
    for (n, (size, square, pixels)) in PARTS.iter().take(parts).enumerate() {
        let part = site.clip(&format!(
            "-f lavfi -i color=black:s={size}:r=25:d=2,drawbox={square}:c=white:t=fill,setsar={pixels} \
             -f lavfi -i sine=440:d=2:r=48000 -c:v libx264 -preset ultrafast -g 25 \
             -pix_fmt yuv420p -c:a aac -output_ts_offset {} part{n}.ts",
            2 * n
        ));
        bytes.extend(std::fs::read(part).unwrap());
    }
    let path = site.folder.path().join(format!("{parts}.ts"));
    std::fs::write(path, bytes).unwrap();
}

/// Width and height of what is white `at` seconds into a file.
fn square(path: &Path, at: &str) -> (i32, i32) {
    let path = path.to_str().unwrap();
    let words = ["-ss", at, "-i", path, "-frames:v", "1"];
    let words = [&words[..], &["-vf", "bbox=min_val=128", "-f", "null", "-"]].concat();
    let said = ffmpeg(Path::new("/"), &words);
    let side = |name: &str| {
        let (_, after) = said.rsplit_once(name).unwrap_or_else(|| panic!("{said}"));
        after.split(' ').next().unwrap().trim().parse().unwrap()
    };
    (side(" w:"), side(" h:"))
}

fn is_near((width, height): (i32, i32), wanted: (i32, i32)) -> bool {
    (width - wanted.0).abs() <= 2 && (height - wanted.1).abs() <= 2
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_that_changes_on_the_way_is_fitted_and_not_stretched() {
    let mut site = Site::at_work().await;
    stream(&site, 3);
    stream(&site, 2);
    // An index in front of the samples says one size, and the samples bring two.
    let safe = site.clip("-i 2.ts -c copy safe.mp4");
    let kept = site.clip("-i 2.ts -c copy two.mkv");
    let mut videos = Vec::new();
    for (path, parts) in [(site.folder.path().join("3.ts"), 3), (kept, 2), (safe, 2)] {
        videos.push((site.add(&path).await, path, parts));
    }
    for (video, path, parts) in videos {
        let name = path.display();
        let row = site.ready(video).await;
        assert_eq!((row.width, row.height), (Some(320), Some(180)), "{name}");
        let tracks = site.tracks(video).await;
        assert!(
            tracks.iter().all(|it| !it.name.starts_with("src-")),
            "{name}"
        );
        let pictures = tracks.iter().filter(|it| it.kind == TrackRowKind::Video);
        let mut files: Vec<_> = pictures.map(|it| site.track_path(it)).collect();
        files.push(site.path(row.fallback_key.unwrap()));
        for file in files {
            decodes(&file);
            for (at, wanted) in ["1", "3", "5"].iter().zip(SQUARES).take(parts) {
                let seen = square(&file, at);
                assert!(
                    is_near(seen, wanted),
                    "{name} at {at} s: {seen:?} in {file:?}"
                );
            }
        }
        if parts == 3 {
            // A key frame each second.
            let board = site.object(&row.storyboard_key.unwrap()).await;
            let board = String::from_utf8_lossy(&board);
            let times = board.split_once("\"times\":[").unwrap().1;
            let times = times.split_once(']').unwrap().0;
            assert_eq!(times.split(',').count(), 6, "{times}");
        }
        let poster = site.folder.path().join("poster.jpg");
        let key = row.poster_key.unwrap();
        let large = usize::try_from(key.poster_parts()[0].len).unwrap();
        std::fs::write(&poster, &site.object(&key).await[..large]).unwrap();
        let stream = &streams(&poster)[0];
        let size = (&stream["width"], &stream["height"]);
        assert_eq!(size, (&320.into(), &180.into()));
        let seen = square(&poster, "0");
        assert!(
            SQUARES.iter().any(|wanted| is_near(seen, *wanted)),
            "{seen:?}"
        );
    }
    site.stop().await;
}
