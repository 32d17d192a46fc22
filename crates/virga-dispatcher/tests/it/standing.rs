//! The ladder makes only the rungs that a video lacks, whichever release made the others and whatever their
//! names are.

use sea_orm::ConnectionTrait;
use virga_core::{Failure, VideoId, job::Job};

use crate::site::Site;

/// Runs the ladder once more, after a change of rows; the rungs and names that the video has then.
async fn after_another(
    site: &Site,
    video: VideoId,
    statements: &[&str],
) -> Vec<(Option<String>, String)> {
    let done: Result<(), Failure> = site
        .app
        .change(video, |change| async move {
            for statement in statements {
                change.tx.execute_unprepared(statement).await.unwrap();
            }
            change
                .enqueue(&Job::Ladder { whole: false }, change.now)
                .await?;
            Ok(change.store(()).await?)
        })
        .await;
    done.unwrap();
    site.ready(video).await;
    let tracks = site.tracks(video).await;
    tracks.into_iter().map(|it| (it.rung, it.name)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rungs_that_stand_are_not_made_again() {
    let mut site = Site::at_work().await;
    let clip = site.clip("-f lavfi -i testsrc2=s=1280x720:r=10:d=1 -c:v mpeg4 clip.avi");
    let video = site.add(&clip).await;
    site.ready(video).await;
    let rungs = site.rungs(video).await;
    let made: Vec<_> = rungs.iter().map(|it| it.rung.as_deref()).collect();
    assert_eq!(made, [Some("360p"), Some("480p"), Some("720p")]);

    // A name that says nothing, and a row as 0.2 writes it.
    let named = "UPDATE tracks SET name = 'other', position = 961 WHERE rung = '480p'";
    let old = "UPDATE tracks SET name = 'old', rung = NULL WHERE rung = '720p'";
    let left = after_another(&site, video, &[named, old]).await;
    let some = |rung: &str| Some(rung.to_owned());
    let first = rungs[0].name.clone();
    let own = |rung, name: &str| (rung, name.to_owned());
    let stand = [
        (some("360p"), first),
        own(some("480p"), "other"),
        own(None, "old"),
    ];
    assert_eq!(left, stand);

    let lost = "DELETE FROM tracks WHERE rung = '480p'";
    let left = after_another(&site, video, &[lost]).await;
    assert_eq!(left.len(), 3, "{left:?}");
    assert_eq!(left[1].0.as_deref(), Some("480p"));
    assert_ne!(left[1].1, "other");
    site.stop().await;
}
