//! Storyboards: the tiles show the film at the moments that the index says, upright and in its shape.

use virga_core::{MediaKey, StoryboardIndex, VideoId, job::JobKind};

use crate::site::{Site, ffmpeg};

/// Ten seconds that get brighter every two, where there is a key frame.
const STEPS: &str = "-f lavfi -i nullsrc=size=320x180:rate=25:duration=10,format=yuv420p,\
    geq=lum=16+40*floor(T/2):cb=128:cr=128 -c:v libx264 -preset ultrafast -g 50 -pix_fmt yuv420p";

/// The index and the object after it.
async fn read(site: &Site, key: &MediaKey) -> (StoryboardIndex, Vec<u8>) {
    let object = site.object(key).await;
    let len = usize::try_from(key.storyboard_index().unwrap()).unwrap();
    let index: StoryboardIndex = serde_json::from_slice(&object[..len]).unwrap();
    let sheets = object[len..].to_vec();
    let sum: u64 = index.sheets.iter().sum();
    assert_eq!(sum, sheets.len() as u64);
    (index, sheets)
}

/// How bright a place of a tile is, 0 to 255.
fn light(site: &Site, index: &StoryboardIndex, sheets: &[u8], tile: usize, inner: &str) -> f64 {
    let (sheet, x, y) = index.place(tile);
    let (offset, len) = index.sheet(0, sheet).unwrap();
    let at = |place: u64| usize::try_from(place).unwrap();
    let path = site.folder.path().join("sheet.jpg");
    std::fs::write(&path, &sheets[at(offset)..at(offset + len)]).unwrap();
    let (width, height) = (index.width, index.height);
    let filters = format!(
        "crop={width}:{height}:{x}:{y},crop={inner},signalstats,\
         metadata=print:key=lavfi.signalstats.YAVG"
    );
    let words = ["-i", "sheet.jpg", "-vf", &filters, "-f", "null", "-"];
    let said = ffmpeg(site.folder.path(), &words);
    let (_, after) = said.rsplit_once("YAVG=").unwrap();
    after.split_whitespace().next().unwrap().parse().unwrap()
}

fn is_near(times: &[u64], wanted: &[u64]) -> bool {
    let near = |(at, wanted): (&u64, &u64)| at.abs_diff(*wanted) <= 45;
    times.len() == wanted.len() && times.iter().zip(wanted).all(near)
}

async fn count(site: &Site, video: VideoId) -> usize {
    let jobs = site.jobs(video).await;
    let kinds = jobs.iter().map(virga_db::JobRow::kind);
    kinds.filter(|kind| *kind == JobKind::Storyboard).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_show_the_film_at_their_moments() {
    let mut site = Site::at_work().await;
    let plain = site.clip(&format!("{STEPS} plain.mp4"));
    // The same picture in a container without an index, with sound that starts half a second earlier.
    let late = site.clip(
        "-itsoffset 0.5 -i plain.mp4 -f lavfi -i sine=d=10:r=48000 -map 0:v -map 1:a -c:v copy -c:a aac late.ts",
    );
    for (clip, name) in [(plain, "plain"), (late, "late")] {
        let video = site.add(&clip).await;
        let row = site.ready(video).await;
        let (index, sheets) = read(&site, &row.storyboard_key.unwrap()).await;
        assert_eq!((index.width, index.height), (160, 90), "{name}");
        assert!(
            is_near(&index.times, &[0, 2000, 4000, 6000, 8000]),
            "{name}: {index:?}"
        );
        assert!(index.duration.abs_diff(10_000) < 100, "{name}: {index:?}");
        for tile in 0..5_u8 {
            let seen = light(&site, &index, &sheets, usize::from(tile), "iw:ih");
            let wanted = f64::from(tile) * 40.0 * 255.0 / 219.0;
            assert!(
                (seen - wanted).abs() < 8.0,
                "{name}: {tile}: {seen}, {wanted}"
            );
        }
        assert_eq!(count(&site, video).await, 1, "{name}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_stand_upright_in_the_films_shape_and_short_films_have_none() {
    let mut site = Site::at_work().await;
    // Wide pixels, turned: 480 × 180 as shown on its side, and bright at what is its top when upright.
    let side = site.clip(
        "-f lavfi -i color=black:size=320x180:rate=5:duration=6,drawbox=x=160:w=160:c=white:t=fill,setsar=3/2 \
         -c:v libx264 -preset ultrafast -g 5 -pix_fmt yuv420p side.mp4",
    );
    let turned = site.clip(&format!(
        "-i {} -c copy -metadata:s:v:0 rotate=90 turned.mp4",
        side.display()
    ));
    let turned = site.add(&turned).await;
    let short = site.clip(&format!("{STEPS} -t 4 short.mp4"));
    let short = site.add(&short).await;
    let row = site.ready(turned).await;
    let (index, sheets) = read(&site, &row.storyboard_key.unwrap()).await;
    assert_eq!((index.width, index.height), (106, 284));
    assert_eq!(index.times.len(), 6);
    for tile in [0, 5] {
        let above = light(&site, &index, &sheets, tile, "iw:40:0:20");
        let below = light(&site, &index, &sheets, tile, "iw:40:0:220");
        assert!(above > 200.0 && below < 50.0, "{tile}: {above}, {below}");
    }
    let row = site.ready(short).await;
    assert_eq!(row.storyboard_key, None);
    assert_eq!(count(&site, short).await, 0);
    site.stop().await;
}
