//! Cases of multipart sessions.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future::join, stream};
use virga_core::{
    Clock, MediaKey, OsEntropy, SystemClock, Timestamp, UploadId,
    upload::{PartSpan, part_span},
};
use virga_objects::{
    Incoming, MultipartSessions, ObjectError, READ_LIMIT, UploadPlan, UploadSession,
};

use super::Stand;
use crate::{body, noise, sha256};

fn cut(bytes: &Bytes, span: PartSpan) -> Bytes {
    let offset = usize::try_from(span.offset).unwrap();
    bytes.slice(offset..offset + usize::try_from(span.size).unwrap())
}

impl Stand {
    fn span(&self, number: u32) -> PartSpan {
        part_span(number, self.total(), self.part).unwrap()
    }

    /// A session in three parts.
    async fn opened(&self) -> Bytes {
        let (key, total) = (self.source(), self.total());
        let made = self
            .sessions
            .create(self.upload, &UploadPlan::new(&key, total, self.part))
            .await;
        made.unwrap();
        noise(usize::try_from(total).unwrap(), 5)
    }

    async fn send_to(
        &self,
        sessions: &dyn MultipartSessions,
        file: &Bytes,
        number: u32,
    ) -> Result<String, ObjectError> {
        let span = self.span(number);
        let part = body(&cut(file, span), 70_000);
        sessions.put_part(self.upload, number, span, part).await
    }

    async fn send(&self, file: &Bytes, number: u32) -> Result<String, ObjectError> {
        self.send_to(&*self.sessions, file, number).await
    }

    async fn complete(&self) -> Result<(), ObjectError> {
        let (key, total) = (self.source(), self.total());
        self.sessions
            .complete(self.upload, &UploadPlan::new(&key, total, self.part))
            .await
    }

    async fn held(&self) -> Vec<u32> {
        let held = self.sessions.list_parts(self.upload).await.unwrap();
        held.parts.iter().map(|part| part.number).collect()
    }

    async fn holds(&self, file: &Bytes) {
        let whole = self.store.read_all(&self.source(), READ_LIMIT).await;
        assert_eq!(sha256(&whole.unwrap()), sha256(file));
    }

    async fn listed(&self) -> Vec<UploadSession> {
        self.sessions.list_sessions().try_collect().await.unwrap()
    }
}

pub(super) async fn parts_in_any_order_become_the_file(stand: Stand) {
    let file = stand.opened().await;
    for number in [3, 1, 2] {
        let sha = stand.send(&file, number).await.unwrap();
        assert_eq!(sha, sha256(&cut(&file, stand.span(number))));
    }
    let listed = stand.sessions.list_parts(stand.upload).await.unwrap();
    assert_eq!(listed.bytes(), stand.total());
    assert_eq!(listed.parts[2].size, stand.part / 2);
    assert!(listed.newest.unwrap().seconds() > 1_700_000_000);
    for part in &listed.parts {
        let right = sha256(&cut(&file, stand.span(part.number)));
        assert!(part.sha256.as_ref().is_none_or(|sha| *sha == right));
        assert_eq!(part.sha256.is_some(), stand.options.is_none());
    }
    assert!(
        stand
            .store
            .stat(&stand.source())
            .await
            .unwrap_err()
            .is_not_found()
    );
    stand.complete().await.unwrap();
    stand.holds(&file).await;
    assert!(stand.listed().await.is_empty());
}

pub(super) async fn a_session_goes_on_in_another_process(stand: Stand) {
    let file = stand.opened().await;
    stand.send(&file, 1).await.unwrap();
    let other = &*stand.elsewhere;
    stand.send_to(other, &file, 3).await.unwrap();
    assert_eq!(stand.held().await, [1, 3]);
    stand.send(&file, 2).await.unwrap();
    let (key, total) = (stand.source(), stand.total());
    let done = other
        .complete(stand.upload, &UploadPlan::new(&key, total, stand.part))
        .await;
    done.unwrap();
    stand.holds(&file).await;
    // This process still remembers the session; the store does not.
    let late = stand.send(&file, 1).await.unwrap_err();
    assert!(matches!(late, ObjectError::NoSession(_)), "{late}");
    let late = stand.sessions.list_parts(stand.upload).await.unwrap_err();
    assert!(matches!(late, ObjectError::NoSession(_)), "{late}");
    stand.holds(&file).await;
}

pub(super) async fn complete_may_be_said_again_and_says_when_parts_are_lost(stand: Stand) {
    let file = stand.opened().await;
    for number in 1..=3 {
        stand.send(&file, number).await.unwrap();
    }
    let (one, two) = join(stand.complete(), stand.complete()).await;
    one.unwrap();
    two.unwrap();
    stand.complete().await.unwrap();
    stand.holds(&file).await;
    let late = stand.send(&file, 1).await.unwrap_err();
    assert!(matches!(late, ObjectError::NoSession(_)), "{late}");
    stand.store.delete(&stand.source()).await.unwrap();
    let lost = stand.complete().await.unwrap_err();
    assert!(matches!(lost, ObjectError::LostParts), "{lost}");
    let key = stand.source();
    stand
        .store
        .put(&key, Bytes::from_static(b"short"))
        .await
        .unwrap();
    let lost = stand.complete().await.unwrap_err();
    assert!(matches!(lost, ObjectError::LostParts), "{lost}");
}

pub(super) async fn what_another_process_has_just_completed_is_complete(stand: Stand) {
    // As where a service still lists the session, and its parts no more.
    let file = stand.opened().await;
    let key = stand.source();
    stand.store.put(&key, file.clone()).await.unwrap();
    stand.complete().await.unwrap();
    stand.holds(&file).await;
}

pub(super) async fn complete_names_the_parts_that_are_missing(stand: Stand) {
    let file = stand.opened().await;
    let none = stand.complete().await.unwrap_err();
    assert!(matches!(&none, ObjectError::PartsMissing(missing) if *missing == [1, 2, 3]));
    stand.send(&file, 2).await.unwrap();
    let error = stand.complete().await.unwrap_err();
    assert!(matches!(&error, ObjectError::PartsMissing(missing) if *missing == [1, 3]));
    for number in [1, 3] {
        stand.send(&file, number).await.unwrap();
    }
    let key = stand.source();
    let other = stand
        .sessions
        .complete(
            stand.upload,
            &UploadPlan::new(&key, stand.total() - 1, stand.part),
        )
        .await;
    assert!(matches!(other, Err(ObjectError::Conflict(_))));
    stand.complete().await.unwrap();
    stand.holds(&file).await;
}

pub(super) async fn a_part_sent_again_replaces_the_first(stand: Stand) {
    let file = stand.opened().await;
    let other = noise(file.len(), 99);
    for number in [1, 2, 3] {
        stand.send(&other, number).await.unwrap();
    }
    // Servers that list what was replaced as well tell the newer by its second.
    let newest = stand
        .sessions
        .list_parts(stand.upload)
        .await
        .unwrap()
        .newest;
    while SystemClock.now().seconds() <= newest.unwrap().seconds() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for number in [3, 2, 1] {
        stand.send(&file, number).await.unwrap();
    }
    assert_eq!(stand.held().await, [1, 2, 3]);
    stand.complete().await.unwrap();
    stand.holds(&file).await;
}

pub(super) async fn the_same_part_sent_twice_at_once_is_one_whole_part(stand: Stand) {
    let file = stand.opened().await;
    let (one, two) = join(stand.send(&file, 1), stand.send(&file, 1)).await;
    assert_eq!(one.unwrap(), two.unwrap());
    for number in 2..=3 {
        stand.send(&file, number).await.unwrap();
    }
    stand.complete().await.unwrap();
    stand.holds(&file).await;
}

pub(super) async fn a_body_of_another_length_becomes_no_part(stand: Stand) {
    let file = stand.opened().await;
    stand.send(&file, 2).await.unwrap();
    let part = usize::try_from(stand.part).unwrap();
    for (length, piece) in [
        (part - 1, 9000),
        (part + 1, 9000),
        (part + 1, part),
        (part + 1, part + 1),
        (0, 1),
    ] {
        let wrong = body(&file.slice(..length), piece);
        let put = stand
            .sessions
            .put_part(stand.upload, 1, stand.span(1), wrong);
        match put.await.unwrap_err() {
            ObjectError::BodyLong { want } if length > part => assert_eq!(want, stand.part),
            ObjectError::BodyShort { got, .. } if length < part => assert_eq!(got, length as u64),
            other => panic!("{length}: {other}"),
        }
        assert_eq!(stand.held().await, [2], "{length}");
    }
    for number in [1, 3] {
        stand.send(&file, number).await.unwrap();
    }
    // Of a part that stood, a broken one in its place leaves it, or none; never a mix.
    let wrong = body(&noise(part - 5, 8), 9000);
    let put = stand
        .sessions
        .put_part(stand.upload, 1, stand.span(1), wrong);
    assert!(put.await.is_err());
    if stand.held().await != [1, 2, 3] {
        assert_eq!(stand.held().await, [2, 3]);
        stand.send(&file, 1).await.unwrap();
    }
    stand.complete().await.unwrap();
    stand.holds(&file).await;
}

pub(super) async fn a_silent_or_broken_sender_is_dropped_and_may_come_again(stand: Stand) {
    let file = stand.opened().await;
    let start = || body(&file.slice(..90_000), 1000);
    let silent: Incoming<'_> = start().chain(stream::pending()).boxed();
    let put = stand
        .sessions
        .put_part(stand.upload, 1, stand.span(1), silent);
    assert!(matches!(put.await, Err(ObjectError::Stalled)));
    let broken: Incoming<'_> = start().chain(stream::iter([Err("reset".into())])).boxed();
    let put = stand
        .sessions
        .put_part(stand.upload, 1, stand.span(1), broken);
    assert!(matches!(put.await, Err(ObjectError::Body(_))));
    // And a request that is dropped as a whole.
    let silent: Incoming<'_> = start().chain(stream::pending()).boxed();
    let put = stand
        .sessions
        .put_part(stand.upload, 1, stand.span(1), silent);
    let dropped = tokio::time::timeout(Duration::from_millis(50), put).await;
    // On a busy machine the store may give it up first.
    assert!(!matches!(dropped, Ok(Ok(_))));
    assert_eq!(stand.held().await, [0; 0]);
    for number in 1..=3 {
        stand.send(&file, number).await.unwrap();
    }
    stand.complete().await.unwrap();
    stand.holds(&file).await;
}

pub(super) async fn a_part_that_the_file_does_not_have_is_refused(stand: Stand) {
    let file = stand.opened().await;
    let right = stand.span(1);
    let beyond = PartSpan {
        offset: stand.part * 2,
        size: stand.part,
    };
    for (number, span) in [
        (0, right),
        (4, right),
        (2, right),
        (1, PartSpan { offset: 1, ..right }),
        (3, beyond),
    ] {
        let put = stand
            .sessions
            .put_part(stand.upload, number, span, body(&file, 5000));
        let error = put.await.unwrap_err();
        assert!(matches!(error, ObjectError::WrongPart), "{number}: {error}");
    }
    let unknown = UploadId::random(&OsEntropy);
    let put = stand
        .sessions
        .put_part(unknown, 1, right, body(&file, 5000));
    assert!(matches!(put.await, Err(ObjectError::NoSession(_))));
    let none = stand.sessions.list_parts(unknown).await;
    assert!(matches!(none, Err(ObjectError::NoSession(_))));
}

pub(super) async fn two_that_open_a_session_at_once_have_one(stand: Stand) {
    let (key, total) = (stand.source(), stand.total());
    let open = |sessions: &virga_objects::SharedSessions| {
        let (sessions, key, part) = (std::sync::Arc::clone(sessions), key.clone(), stand.part);
        async move {
            sessions
                .create(stand.upload, &UploadPlan::new(&key, total, part))
                .await
        }
    };
    let all = stream::iter(0..8).map(|n| {
        open(if n % 2 == 0 {
            &stand.sessions
        } else {
            &stand.elsewhere
        })
    });
    let all: Vec<_> = all.buffer_unordered(8).collect().await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    let file = noise(usize::try_from(total).unwrap(), 5);
    for number in 1..=3 {
        let sessions = if number % 2 == 0 {
            &stand.sessions
        } else {
            &stand.elsewhere
        };
        stand.send_to(&**sessions, &file, number).await.unwrap();
    }
    assert_eq!(stand.held().await, [1, 2, 3]);
    stand.complete().await.unwrap();
    stand.holds(&file).await;
    assert!(
        stand.listed().await.is_empty(),
        "the losers took theirs back"
    );
    if stand.options.is_some() {
        let later = Timestamp(i64::MAX);
        assert_eq!(stand.store.remove_leftovers(later).await.unwrap(), 0);
    }
}

pub(super) async fn a_session_is_listed_and_dropped(stand: Stand) {
    let file = stand.opened().await;
    stand.opened().await;
    let key = stand.source();
    let other = stand
        .sessions
        .create(stand.upload, &UploadPlan::new(&key, 1, stand.part))
        .await;
    assert!(matches!(other, Err(ObjectError::Conflict(_))));
    stand.send(&file, 1).await.unwrap();
    let sessions = stand.listed().await;
    assert_eq!(sessions.len(), 1);
    assert_eq!((sessions[0].id, &sessions[0].key), (stand.upload, &key));
    let sizes = (sessions[0].total, sessions[0].part_size);
    assert_eq!(sizes, (stand.total(), stand.part));
    assert!(sessions[0].touched.seconds() > 1_700_000_000);
    stand.sessions.abort(stand.upload).await.unwrap();
    stand.sessions.abort(stand.upload).await.unwrap();
    for sessions in [&stand.sessions, &stand.elsewhere] {
        let gone = sessions.list_parts(stand.upload).await.unwrap_err();
        assert!(matches!(gone, ObjectError::NoSession(_)));
        let gone = stand.send_to(&**sessions, &file, 1).await.unwrap_err();
        assert!(matches!(gone, ObjectError::NoSession(_)), "{gone}");
    }
    assert!(stand.listed().await.is_empty());
}

/// An upload of the bucket's that no session's object names, as a kill at the wrong moment leaves.
async fn half_made(stand: &Stand, key: &MediaKey) {
    let mut writer = stand.store.writer(key).await.unwrap();
    let more_than_a_part = noise(usize::try_from(stand.part).unwrap() + 1, 2);
    writer.write(more_than_a_part).await.unwrap();
    std::mem::forget(writer);
}

pub(super) async fn a_half_made_session_is_found_and_dropped(stand: Stand) {
    half_made(&stand, &stand.source()).await;
    let sessions = stand.listed().await;
    assert_eq!(sessions.len(), 1);
    assert_eq!((sessions[0].id, sessions[0].total), (stand.upload, 0));
    assert_eq!(sessions[0].key, stand.source());
    assert!(sessions[0].touched.seconds() > 1_700_000_000);
    stand.sessions.abort(stand.upload).await.unwrap();
    assert!(stand.listed().await.is_empty());
    // Or it is opened once more and used; then the first goes with other leftovers.
    half_made(&stand, &stand.source()).await;
    let file = stand.opened().await;
    stand.send(&file, 2).await.unwrap();
    assert_eq!(stand.listed().await.len(), 1);
    let later = Timestamp(i64::MAX);
    assert_eq!(stand.store.remove_leftovers(later).await.unwrap(), 1);
    assert_eq!(stand.held().await, [2]);
}

pub(super) async fn what_dead_writers_left_goes_and_live_sessions_stay(stand: Stand) {
    let file = stand.opened().await;
    stand.send(&file, 1).await.unwrap();
    half_made(&stand, &stand.key("a.cmaf")).await;
    assert_eq!(stand.store.remove_leftovers(Timestamp(0)).await.unwrap(), 0);
    let later = Timestamp(i64::MAX);
    assert_eq!(stand.store.remove_leftovers(later).await.unwrap(), 1);
    assert_eq!(stand.store.remove_leftovers(later).await.unwrap(), 0);
    assert_eq!(stand.held().await, [1]);
    // Removing a video's objects takes its uploads along.
    half_made(&stand, &stand.key("a.cmaf")).await;
    let prefix = MediaKey::attempt_prefix(stand.video, 1, 1);
    assert_eq!(stand.store.delete_prefix(&prefix).await.unwrap(), 0);
    assert_eq!(stand.store.remove_leftovers(later).await.unwrap(), 0);
}

pub(super) async fn what_is_held_can_be_read_and_stays(stand: Stand) {
    let file = stand.opened().await;
    let (sessions, id, part) = (&stand.sessions, stand.upload, stand.part);
    let first = stand.send(&file, 1).await.unwrap();
    stand.send(&file, 3).await.unwrap();
    let read = async |pieces: Vec<(u64, u32)>| {
        let read = sessions.read_parts(id, pieces).await?;
        let read: Vec<Bytes> = read.try_collect().await?;
        Ok::<_, ObjectError>(read.concat())
    };
    if !sessions.freeze(id).await.unwrap() {
        // A bucket's multipart upload cannot be read before it is an object.
        assert!(stand.options.is_some());
        assert!(!sessions.completes_early(id, 1).await.unwrap());
        assert!(matches!(
            read(vec![(0, 1)]).await,
            Err(ObjectError::NoSession(_))
        ));
        return;
    }
    assert!(stand.options.is_none());
    assert_eq!(sessions.in_order(id, 0).await.unwrap(), part);
    let third = usize::try_from(2 * part).unwrap();
    let wanted = [&file[10..30], &file[third + 5..third + 12]].concat();
    assert_eq!(
        read(vec![(10, 20), (2 * part + 5, 7)]).await.unwrap(),
        wanted
    );
    let missing = read(vec![(part - 1, 2)]).await.unwrap_err();
    assert!(matches!(&missing, ObjectError::PartsMissing(parts) if *parts == [2]));
    let beyond = read(vec![(stand.total() - 1, 2)]).await.unwrap_err();
    assert!(matches!(beyond, ObjectError::OutOfRange { .. }));

    // The same bytes are fine, and others are refused; what is not held may still come.
    let again = stand.send_to(&*stand.elsewhere, &file, 1).await;
    assert_eq!(again.unwrap(), first);
    let other = noise(file.len(), 6);
    let refused = stand.send_to(&*stand.elsewhere, &other, 1).await;
    assert!(matches!(refused, Err(ObjectError::Frozen)));
    assert_eq!(stand.held().await, [1, 3]);
    stand.send(&file, 2).await.unwrap();
    assert!(matches!(
        stand.send(&other, 2).await,
        Err(ObjectError::Frozen)
    ));
    assert_eq!(sessions.in_order(id, part).await.unwrap(), stand.total());
    stand.complete().await.unwrap();
    stand.holds(&file).await;
    let over = sessions.in_order(id, 0).await;
    assert!(matches!(over, Err(ObjectError::NoSession(_))));
}
