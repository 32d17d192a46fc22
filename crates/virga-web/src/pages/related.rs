//! Related videos, next to the player.

use virga_client::{ClientError, VideoQuery};
use virga_core::wire::{Page, Video};

use crate::{context::PageContext, format::Card};

/// Number of related videos, and how many of them may be the same owner's.
const BESIDE: usize = 12;
const BESIDE_OWN: usize = 6;

/// More to watch: of the same owner first, then the newest. A page without them is still a page.
pub(crate) async fn of(visit: &PageContext, video: &Video) -> Vec<Card> {
    if !video.state.plays() {
        return Vec::new();
    }
    let query = |limit: usize| VideoQuery {
        limit: u32::try_from(limit + 1).ok(),
        ..VideoQuery::default()
    };
    let (own, all) = (query(BESIDE_OWN), query(BESIDE + BESIDE_OWN));
    let (own, all) = tokio::join!(
        visit.api.user_videos(&video.owner, &own),
        visit.api.videos(&all)
    );
    let list = |found: Result<Page<Video>, ClientError>| found.map(|page| page.items);
    let mut chosen: Vec<Video> = list(own).unwrap_or_default();
    chosen.retain(|other| other.id != video.id);
    chosen.truncate(BESIDE_OWN);
    for other in list(all).unwrap_or_default() {
        let known = other.id == video.id || chosen.iter().any(|it| it.id == other.id);
        if !known && chosen.len() < BESIDE {
            chosen.push(other);
        }
    }
    visit.cards(&chosen)
}
