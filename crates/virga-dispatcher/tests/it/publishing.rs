//! Whoever has a change published may go away in the middle: a worker that is stopped, a client that hangs up.

use std::{pin::pin, time::Duration};

use tokio::{task::yield_now, time::timeout};
use virga_core::wire::Effect;
use virga_db::videos;

use crate::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_that_goes_away_does_not_keep_the_next_one_waiting() {
    let site = Site::new().await;
    let clip = site.clip("-f lavfi -i testsrc2=size=320x180:rate=25 -t 1 -c:v libx264 short.mp4");
    let video = site.add(&clip).await;
    for steps in 0..40 {
        let raised = site.app.change_rows(video, |change| async move {
            videos::raise_version(&change.tx, video, Effect::Add, change.now).await?;
            Ok::<_, virga_core::Failure>(change.store(()).await?)
        });
        assert!(raised.await.unwrap().1);
        {
            let mut publishing = pin!(site.app.publish(video));
            for _ in 0..steps {
                let gone = timeout(Duration::from_micros(100), &mut publishing).await;
                if let Ok(ended) = gone {
                    ended.unwrap();
                    break;
                }
                yield_now().await;
            }
        }
        // This clock stands still, so a lease that is left behind never ends.
        let next = timeout(Duration::from_secs(20), site.app.publish(video));
        next.await.expect("it waits for nobody").unwrap();
        let row = site.row(video).await;
        assert_eq!(row.published_version, row.presentation_version);
    }
}
