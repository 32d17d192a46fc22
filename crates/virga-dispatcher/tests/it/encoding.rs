//! What must be encoded first: every odd kind comes out as even, progressive, aligned rungs.

use std::path::Path;

use virga_core::VideoId;
use virga_db::{TrackRow, TrackRowKind};

use crate::site::{Site, decodes, streams};

const SOUND: &str = "-f lavfi -i sine=frequency=440:sample_rate=44100";

/// Starts of a track's segments, microseconds, the end included.
async fn starts(site: &Site, track: &TrackRow) -> Vec<i64> {
    let table = site.table(&track.table_key).await;
    (0..=table.segments())
        .map(|n| table.start_micros(n))
        .collect()
}

/// Checks what holds for every rung of every video.
async fn sound_rungs(site: &Site, video: VideoId, names: &[&str]) -> Vec<TrackRow> {
    let row = site.ready(video).await;
    let rungs = site.rungs(video).await;
    let made: Vec<&str> = rungs
        .iter()
        .map(|rung| rung.rung.as_deref().unwrap())
        .collect();
    assert_eq!(made, names);
    let first = starts(site, &rungs[0]).await;
    for rung in &rungs {
        let path = site.track_path(rung);
        decodes(&path);
        let stream = &streams(&path)[0];
        assert_eq!(stream["pix_fmt"], "yuv420p", "{}", rung.name);
        assert_eq!(stream["codec_name"], "h264");
        for side in ["width", "height"] {
            assert_eq!(stream[side].as_u64().unwrap() % 2, 0, "{}", rung.name);
        }
        assert_eq!(starts(site, rung).await, first, "key frames are aligned");
    }
    let duration = row.duration.unwrap();
    assert!((duration - first.last().unwrap()).abs() < 40_000);
    decodes(&site.path(row.fallback_key.unwrap()));
    assert!(row.poster_key.is_some());
    rungs
}

fn size(site: &Site, rung: &TrackRow) -> (u64, u64) {
    let stream = &streams(&site.track_path(rung))[0];
    let side = |name: &str| stream[name].as_u64().unwrap();
    (side("width"), side("height"))
}

/// Width and height of the pictures in a poster's object: the JPEG, then WebP.
async fn pictures(site: &Site, key: &virga_core::MediaKey) -> Vec<(u64, u64)> {
    let object = site.object(key).await;
    let parts = key.poster_parts();
    let mut sizes = Vec::new();
    for part in parts {
        let at = |offset: u64| usize::try_from(offset).unwrap();
        let bytes = &object[at(part.offset)..at(part.offset + part.len)];
        let path = site.folder.path().join(format!("part{}", part.width));
        std::fs::write(&path, bytes).unwrap();
        decodes(&path);
        let stream = &streams(&path)[0];
        let coding = if part.width == 0 { "mjpeg" } else { "webp" };
        assert_eq!(stream["codec_name"], coding);
        let side = |name: &str| stream[name].as_u64().unwrap();
        sizes.push((side("width"), side("height")));
    }
    sizes
}

fn length(path: &Path) -> f64 {
    let text = streams(path)[0]["duration"].as_str().unwrap().to_owned();
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_avi_of_odd_size_gets_even_rungs_and_aac() {
    let mut site = Site::at_work().await;
    let picture = "-f lavfi -i testsrc2=size=641x481:rate=25";
    let clip = site.clip(&format!(
        "{picture} {SOUND} -t 5 -vf scale=641:481,format=yuv444p -c:v ffv1 -c:a pcm_s16le odd.avi"
    ));
    let video = site.add(&clip).await;
    let rungs = sound_rungs(&site, video, &["360p", "480p"]).await;
    assert_eq!(size(&site, &rungs[0]), (478, 360));
    let poster = site.row(video).await.poster_key.unwrap();
    assert_eq!(
        pictures(&site, &poster).await,
        [(640, 480), (320, 240), (640, 480)]
    );
    let first = starts(&site, &rungs[0]).await;
    assert_eq!(first, [0, 2_000_000, 4_000_000, 5_000_000]);
    let tracks = site.tracks(video).await;
    let sound = tracks
        .iter()
        .find(|track| track.kind == TrackRowKind::Audio)
        .unwrap();
    let path = site.track_path(sound);
    decodes(&path);
    assert_eq!(streams(&path)[0]["channels"], 2);
    assert!((length(&path) - 5.0).abs() < 0.1);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turned_hevc_file_of_ten_bits_stands_upright_in_eight() {
    let mut site = Site::at_work().await;
    let picture = "-f lavfi -i testsrc2=size=640x360:rate=30";
    site.clip(&format!(
        "{picture} {SOUND} -t 2 -c:v libx265 -preset ultrafast -x265-params log-level=none \
         -pix_fmt yuv420p10le -c:a aac flat.mp4"
    ));
    let clip = site.clip("-i flat.mp4 -c copy -metadata:s:v:0 rotate=90 turned.mp4");
    let video = site.add(&clip).await;
    let rungs = sound_rungs(&site, video, &["360p"]).await;
    assert_eq!(size(&site, &rungs[0]), (360, 640));
    let row = site.row(video).await;
    assert_eq!((row.width, row.height), (Some(360), Some(640)));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_at_uneven_times_keep_their_times_without_sound() {
    let mut site = Site::at_work().await;
    // Every third frame of the first half only, then all of them.
    let clip = site.clip(
        "-f lavfi -i testsrc2=size=320x240:rate=30 -t 4 \
         -vf select=gt(t\\,2)+not(mod(n\\,3)) -fps_mode vfr -c:v ffv1 uneven.mkv",
    );
    let video = site.add(&clip).await;
    let rungs = sound_rungs(&site, video, &["240p"]).await;
    let table = site.table(&rungs[0].table_key).await;
    assert!(
        (19.9..20.5).contains(&table.frame_rate),
        "{}",
        table.frame_rate
    );
    assert!((table.duration_micros() - 4_000_000).abs() < 40_000);
    assert_eq!(site.tracks(video).await.len(), 1, "no sound is made up");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn interlaced_wide_pixels_become_progressive_square_ones() {
    let mut site = Site::at_work().await;
    let clip = site.clip(&format!(
        "-f lavfi -i testsrc2=size=720x576:rate=50 {SOUND} -t 2 \
         -vf interlace,setsar=64/45 -c:v mpeg2video -b:v 4M -flags +ildct+ilme -c:a mp2 tape.ts"
    ));
    let video = site.add(&clip).await;
    let rungs = sound_rungs(&site, video, &["360p", "576p"]).await;
    assert_eq!(size(&site, &rungs[0]), (640, 360));
    assert_eq!(size(&site, &rungs[1]), (1024, 576));
    let stream = &streams(&site.track_path(&rungs[1]))[0];
    assert_eq!(stream["sample_aspect_ratio"], "1:1");
    assert_eq!(stream["field_order"], "progressive");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webm_and_high_dynamic_range_play_as_plain_h264() {
    let mut site = Site::at_work().await;
    let picture = "-f lavfi -i testsrc2=size=640x360:rate=25";
    let webm = site.clip(&format!(
        "{picture} {SOUND} -t 2 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus a.webm"
    ));
    let hdr = site.clip(&format!(
        "{picture} -t 1 -c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -x265-params \
         log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc hdr.mp4"
    ));
    let (webm, hdr) = (site.add(&webm).await, site.add(&hdr).await);
    sound_rungs(&site, webm, &["360p"]).await;
    let rungs = sound_rungs(&site, hdr, &["360p"]).await;
    let stream = &streams(&site.track_path(&rungs[0]))[0];
    let transfer = stream["color_transfer"].as_str().unwrap_or("bt709");
    assert_eq!(transfer, "bt709");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_container_that_is_told_apart_comes_to_play() {
    let mut site = Site::at_work().await;
    let picture = "-f lavfi -i testsrc2=size=320x240:rate=25";
    let cases = [
        "-c:v flv1 -ar 44100 -c:a libmp3lame a.flv",
        "-c:v libtheora -c:a libvorbis a.ogg",
        "-c:v wmv2 -c:a wmav2 a.wmv",
        "-c:v mpeg2video -c:a mp2 a.mpg",
        "-an -c:v mpeg1video a.m1v",
        "-an -vf scale=720:576 -c:v mpeg2video -b:v 30M -minrate 30M -maxrate 30M -bufsize 4M a.mxf",
        "-an a.gif",
        "-an -c:v libvpx -deadline realtime -cpu-used 8 a.ivf",
        "-ac 1 -ar 8000 -c:v rv20 -c:a ac3 -ar 44100 a.rm",
        "-c:v prores_ks -c:a pcm_s16be a.mov",
        "-c:v libx264 -preset ultrafast -pix_fmt yuv444p -c:a aac -movflags frag_keyframe+empty_moov \
         fragments.mp4",
        "-c:v libx264 -preset ultrafast -pix_fmt yuv444p -c:a aac fine.mp4",
    ];
    let mut videos = Vec::new();
    for case in cases {
        let clip = site.clip(&format!("{picture} {SOUND} -t 1 {case}"));
        videos.push((case, site.add(&clip).await));
    }
    for (case, video) in videos {
        let row = site.settled(video).await;
        assert!(row.failure.is_none(), "{case}: {:?}", row.failure);
        let rungs = site.rungs(video).await;
        assert!(!rungs.is_empty(), "{case}");
        decodes(&site.track_path(&rungs[0]));
        let sound = site
            .tracks(video)
            .await
            .iter()
            .any(|track| track.kind == TrackRowKind::Audio);
        assert_eq!(sound, !case.contains("-an"), "{case}");
        let duration = row.duration.unwrap();
        assert!(
            (900_000..1_200_000).contains(&duration),
            "{case}: {duration}"
        );
    }
    site.stop().await;
}
