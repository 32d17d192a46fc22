//! The table of codes. A line is: what it means, name, word, kind, whether to try again, and the key of
//! its text in `crates/virga-web/locales`; `by_kind` where people read the text of its kind.

use super::{Kind, Retry, Row};

macro_rules! text_key {
    (by_kind) => {
        None
    };
    ($text:literal) => {
        Some($text)
    };
}

macro_rules! codes {
    (
        problems: { $($(#[doc = $doc:literal])+ $name:ident = $word:literal, $kind:ident, $retry:ident, $text:tt;)+ }
        reasons: { $($(#[doc = $rdoc:literal])+ $rname:ident = $rword:literal, $rkind:ident, $rretry:ident, $rtext:literal;)+ }
    ) => {
        /// A stable code of a failure.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
            $($(#[doc = $rdoc])+ $rname,)+
        }

        impl Code {
            /// What an answer may hold as its problem's code.
            pub const PROBLEMS: &'static [Self] = &[$(Self::$name,)+ Self::Internal];

            /// Why a file or job failed or waits.
            pub const REASONS: &'static [Self] = &[$(Self::$rname),+];

            pub(super) fn row(self) -> Row {
                match self {
                    $(Self::$name => Row {
                        word: $word,
                        kind: Kind::$kind,
                        retry: Retry::$retry,
                        text_key: text_key!($text),
                        meaning: concat!($($doc),+),
                    },)+
                    $(Self::$rname => Row {
                        word: $rword,
                        kind: Kind::$rkind,
                        retry: Retry::$rretry,
                        text_key: Some($rtext),
                        meaning: concat!($($rdoc),+),
                    },)+
                }
            }
        }
    };
}

codes! {
    problems: {
        /// An administrator has blocked this account.
        AccountBlocked = "account.blocked", Forbidden, No, "problem-account-blocked";
        /// Only administrators may do this.
        AdminOnly = "admin.only", Forbidden, No, "problem-admin-only";
        /// An administrator cannot do this to their own account.
        AdminYourself = "admin.yourself", Conflict, No, "problem-admin-yourself";
        /// The body is JSON or a form, but a field is missing or has the wrong type.
        BodyInvalid = "body.invalid", Invalid, No, by_kind;
        /// The body has no `Content-Length`.
        BodyLengthRequired = "body.length-required", Malformed, No, by_kind;
        /// The body is not what its media type says, or it ended early.
        BodyMalformed = "body.malformed", Malformed, No, by_kind;
        /// The body did not arrive in time.
        BodySlow = "body.slow", Malformed, Yes, by_kind;
        /// The body is larger than this operation takes.
        BodyTooLarge = "body.too-large", TooLarge, No, "problem-body-too-large";
        /// The body's media type is not taken here.
        BodyUnsupported = "body.unsupported", UnsupportedMedia, No, by_kind;
        /// Too many requests are being answered.
        Busy = "busy", Unavailable, Yes, by_kind;
        /// The cursor is not from this list.
        CursorInvalid = "cursor.invalid", Malformed, No, "problem-cursor-invalid";
        /// The database does not answer.
        DatabaseAway = "database", Unavailable, Yes, by_kind;
        /// Another transaction was in the way; nothing was changed.
        DatabaseBusy = "database.busy", Unavailable, Yes, by_kind;
        /// The database's disk is full; nothing was saved.
        DatabaseFull = "database.full", NoRoom, No, "problem-database-full";
        /// The query names no video, or too many.
        EventsCount = "events.count", Malformed, No, by_kind;
        /// This viewer has too many event streams open.
        EventsTooMany = "events.too-many", TooMany, Yes, by_kind;
        /// A text is empty or too long.
        FieldLength = "field.length", Invalid, No, "problem-field-length";
        /// A number is out of range.
        FieldRange = "field.range", Invalid, No, by_kind;
        /// The `Host` header is missing, repeated or malformed.
        HostInvalid = "host.invalid", Malformed, No, by_kind;
        /// The `Idempotency-Key` header is repeated or malformed.
        IdempotencyKeyInvalid = "idempotency-key.invalid", Malformed, No, by_kind;
        /// This video needs a grant, and the address holds none that is valid now.
        MediaNoGrant = "media.no-grant", Forbidden, No, by_kind;
        /// This address does not take this method.
        MethodNotAllowed = "method", Method, No, by_kind;
        /// The account name has signs that are not allowed, or the wrong length.
        NameInvalid = "name.invalid", Invalid, No, "problem-name-invalid";
        /// The account name mixes scripts.
        NameMixed = "name.mixed", Invalid, No, "problem-name-mixed";
        /// The account name is taken, or looks like one that is.
        NameTaken = "name.taken", Conflict, No, "problem-name-taken";
        /// It does not exist, or not for this viewer.
        NotFound = "not-found", NotFound, No, by_kind;
        /// It belongs to somebody else.
        NotYours = "not-yours", Forbidden, No, "problem-not-yours";
        /// The request comes from a page of another site.
        OtherOrigin = "origin", Forbidden, No, "problem-origin";
        /// The query asks for no part, or for too many at once.
        PartsCount = "parts.count", Invalid, No, by_kind;
        /// The file has no part of this number.
        PartsNumber = "parts.number", Invalid, No, by_kind;
        /// The new password is too long.
        PasswordTooLong = "password.too-long", Invalid, No, "problem-password-too-long";
        /// The new password is too short.
        PasswordTooShort = "password.too-short", Invalid, No, "problem-password-too-short";
        /// The current password is wrong.
        PasswordWrong = "password.wrong", Invalid, No, "problem-password-wrong";
        /// The position is not a number of seconds.
        PositionInvalid = "position.invalid", Invalid, No, by_kind;
        /// The video is being published by another process.
        Publishing = "publishing", Unavailable, Yes, by_kind;
        /// The query string cannot be read, or a value is out of range.
        QueryInvalid = "query.invalid", Malformed, No, by_kind;
        /// Too many comments by this account.
        RateComments = "rate.comments", TooMany, Yes, "problem-rate-comments";
        /// Too much media is on its way to this network.
        RateMedia = "rate.media", TooMany, Yes, by_kind;
        /// Too many event streams opened from this network.
        RateOpenings = "rate.openings", TooMany, Yes, "problem-rate-openings";
        /// Too many reads.
        RateReads = "rate.reads", TooMany, Yes, "problem-rate-reads";
        /// Too many new accounts from this network.
        RateSignUps = "rate.sign-ups", TooMany, Yes, "problem-rate-sign-ups";
        /// Too much text written by this account.
        RateText = "rate.text", TooMany, Yes, "problem-rate-text";
        /// Too many changes.
        RateWrites = "rate.writes", TooMany, Yes, "problem-rate-writes";
        /// The site accepts no new accounts.
        RegistrationClosed = "registration.closed", Forbidden, No, "problem-registration-closed";
        /// The configuration decides who may sign up.
        RegistrationConfigured = "registration.configured", Conflict, No, "problem-registration-configured";
        /// A bucket's callback is not signed by the bucket's service.
        ReportSignature = "report.signature", Forbidden, No, by_kind;
        /// The setup link was used or has expired.
        SetupLink = "setup.link", Forbidden, No, "problem-setup-link";
        /// The site has no administrator yet.
        SetupNeeded = "setup.needed", Forbidden, No, "problem-setup-needed";
        /// This needs an account.
        SignIn = "sign-in", Unauthenticated, No, "problem-sign-in";
        /// Too many passwords are being checked.
        SignInBusy = "sign-in.busy", Unavailable, Yes, "problem-sign-in-busy";
        /// Too many failed attempts to sign in.
        SignInTooMany = "sign-in.too-many", TooMany, Yes, "problem-sign-in-too-many";
        /// The name or the password is wrong.
        SignInWrong = "sign-in.wrong", Unauthenticated, No, "problem-sign-in-wrong";
        /// This process is starting.
        Starting = "starting", Unavailable, Yes, by_kind;
        /// This process is stopping.
        Stopping = "stopping", Unavailable, Yes, by_kind;
        /// The storage has no room.
        StorageFull = "storage.full", NoRoom, No, "problem-storage-full";
        /// The storage can be read but not written.
        StorageReadOnly = "storage.read-only", Unavailable, Yes, "problem-storage-read-only";
        /// The storage cannot be reached.
        StorageUnavailable = "storage.unavailable", Unavailable, Yes, "problem-storage-unavailable";
        /// The text has a sign that cannot be stored.
        TextUnstorable = "text.unstorable", Invalid, No, by_kind;
        /// The balancer in front of the site finds no process that answers.
        Unavailable = "unavailable", Unavailable, Yes, by_kind;
        /// The role that takes the file cannot reach the API.
        UploadApiAway = "upload.api-away", Unavailable, Yes, "problem-upload-api-away";
        /// The signature in the address is wrong or has expired.
        UploadBadSignature = "upload.bad-signature", Forbidden, No, "problem-upload-bad-signature";
        /// Parts of this upload are still arriving.
        UploadBusy = "upload.busy", Unavailable, Yes, by_kind;
        /// The upload is complete, cancelled or expired.
        UploadClosed = "upload.closed", Conflict, No, "problem-upload-closed";
        /// Another request works on this part or this upload.
        UploadConflict = "upload.conflict", Conflict, Yes, by_kind;
        /// The file is empty.
        UploadEmpty = "upload.empty", Invalid, No, "problem-upload-empty";
        /// The form does not hold the file as its first field.
        UploadForm = "upload.form", Malformed, No, "problem-upload-form";
        /// The part has no `Content-Length`.
        UploadLengthRequired = "upload.length-required", Malformed, No, by_kind;
        /// The storage lost parts of this upload: upload the file again.
        UploadLostParts = "upload.lost-parts", Conflict, No, by_kind;
        /// The video waits for another file.
        UploadOtherFile = "upload.other-file", Conflict, No, "problem-upload-other-file";
        /// The part broke off on its way.
        UploadPartBroken = "upload.part-broken", Malformed, Yes, "problem-upload-part-broken";
        /// Not all parts have arrived.
        UploadPartMissing = "upload.part-missing", Conflict, No, by_kind;
        /// The part has more bytes than it should.
        UploadPartTooLarge = "upload.part-too-large", TooLarge, No, by_kind;
        /// The part has fewer bytes than it should.
        UploadPartTooSmall = "upload.part-too-small", Invalid, No, by_kind;
        /// The part arrived before with other bytes, and is being watched.
        UploadPartWatched = "upload.part-watched", Conflict, No, by_kind;
        /// The account's storage quota is used up.
        UploadQuota = "upload.quota", NoRoom, No, "problem-upload-quota";
        /// The file is larger than the site accepts.
        UploadTooLarge = "upload.too-large", TooLarge, No, "problem-upload-too-large";
        /// This account has too many uploads open.
        UploadTooMany = "upload.too-many", Conflict, No, "problem-upload-too-many";
        /// The file of this upload has no such part.
        UploadWrongPart = "upload.wrong-part", Invalid, No, by_kind;
        /// The video is being processed.
        VideoBusy = "video.busy", Conflict, Yes, "problem-video-busy";
        /// The video changed since it was read (`If-Match`).
        VideoChanged = "video.changed", Precondition, No, "problem-video-changed";
        /// The video is deleted and can be restored.
        VideoDeleted = "video.deleted", Conflict, No, "problem-video-deleted";
        /// The video has no file yet, so nothing plays.
        VideoDraft = "video.draft", Conflict, No, by_kind;
        /// Processing failed, so nothing plays.
        VideoFailed = "video.failed", Conflict, No, by_kind;
        /// The video already has a file.
        VideoHasSource = "video.has-source", Conflict, No, "problem-video-has-source";
        /// The video has no uploaded file.
        VideoNoSource = "video.no-source", Conflict, No, "problem-video-no-source";
        /// No job of this video waits or runs.
        VideoNotProcessing = "video.not-processing", Conflict, No, "problem-video-not-processing";
        /// The video can no longer be restored.
        VideoNotRestorable = "video.not-restorable", Conflict, No, "problem-video-not-restorable";
        /// No job of this video failed.
        VideoNothingFailed = "video.nothing-failed", Conflict, No, "problem-video-nothing-failed";
        /// Nothing plays yet; processing goes on.
        VideoProcessing = "video.processing", Conflict, Yes, by_kind;
        /// The video is already published.
        VideoPublished = "video.published", Conflict, No, "problem-video-published";
        /// The uploaded file is missing or damaged.
        VideoSourceDamaged = "video.source-damaged", Conflict, No, "problem-video-source-damaged";
        /// Too many videos of this account have no file.
        VideoTooManyDrafts = "video.too-many-drafts", Conflict, No, "problem-video-too-many-drafts";
        /// The video is still being uploaded, so nothing plays.
        VideoUploading = "video.uploading", Conflict, Yes, by_kind;
        /// Too little was watched to count as a view.
        ViewTooShort = "view.too-short", Invalid, No, by_kind;
    }
    reasons: {
        /// Somebody stopped it, or deleted the video.
        Cancelled = "cancelled", Conflict, Yes, "reason-cancelled";
        /// The file's coding is not supported.
        CodingUnsupported = "coding_unsupported", UnsupportedMedia, Yes, "reason-coding_unsupported";
        /// The picture cannot be decoded.
        Damaged = "damaged", Invalid, Yes, "reason-damaged";
        /// The account has used its encoding time of the last 24 hours.
        EncoderTime = "encoder_time", TooMany, Automatic, "reason-encoder_time";
        /// The file ends before the film does: what is there plays. A note about a video that plays.
        EndsEarly = "ends_early", Invalid, No, "reason-ends_early";
        /// The file is encrypted.
        Encrypted = "encrypted", Invalid, Yes, "reason-encrypted";
        /// The file only points to media elsewhere.
        ExternalMedia = "external_media", Invalid, No, "reason-external_media";
        /// The file is empty.
        FileEmpty = "file_empty", Invalid, No, "reason-file_empty";
        /// The file holds only sound. Only older releases wrote it.
        FileIsAudio = "file_is_audio", UnsupportedMedia, Yes, "reason-file_is_audio";
        /// The file is a list of other files for a concatenating program.
        FileIsConcat = "file_is_concat", UnsupportedMedia, No, "reason-file_is_concat";
        /// The file is a picture.
        FileIsImage = "file_is_image", UnsupportedMedia, No, "reason-file_is_image";
        /// The file is a playlist.
        FileIsPlaylist = "file_is_playlist", UnsupportedMedia, No, "reason-file_is_playlist";
        /// The file describes a network stream (SDP).
        FileIsSdp = "file_is_sdp", UnsupportedMedia, No, "reason-file_is_sdp";
        /// The file is text.
        FileIsText = "file_is_text", UnsupportedMedia, No, "reason-file_is_text";
        /// The file's format is not known.
        FileUnknown = "file_unknown", UnsupportedMedia, No, "reason-file_unknown";
        /// The frame rate is higher than the site accepts.
        FrameRateTooHigh = "frame_rate_too_high", TooLarge, Yes, "reason-frame_rate_too_high";
        /// Processing stopped again and again.
        GaveUp = "gave_up", Internal, Yes, "reason-gave_up";
        /// A fault of the site. Both a problem's code and a reason.
        Internal = "internal", Internal, Yes, "reason-internal";
        /// Other data is in front of the film and was skipped. A note about a video that plays.
        LeadingData = "leading_data", Invalid, No, "reason-leading_data";
        /// The file's structure is damaged.
        MediaMalformed = "media_malformed", Invalid, Yes, "reason-media_malformed";
        /// The file has no index.
        MediaNoIndex = "media_no_index", Invalid, Yes, "reason-media_no_index";
        /// The file's index names the same bytes again and again.
        MediaRepeated = "media_repeated", Invalid, Yes, "reason-media_repeated";
        /// The file's index is larger than is processed.
        MediaTooLarge = "media_too_large", TooLarge, Yes, "reason-media_too_large";
        /// The file ends before its contents do.
        MediaTruncated = "media_truncated", Invalid, No, "reason-media_truncated";
        /// The file uses a feature that is not supported.
        MediaUnsupported = "media_unsupported", UnsupportedMedia, Yes, "reason-media_unsupported";
        /// The machine has too little memory to encode it.
        MemoryTooSmall = "memory_too_small", NoRoom, Yes, "reason-memory_too_small";
        /// The file holds neither picture nor sound; older releases wrote it also of sound without a picture.
        NoVideo = "no_video", Invalid, Yes, "reason-no_video";
        /// An object that was made of the video is missing from the storage.
        ObjectGone = "object_gone", Internal, Yes, "reason-object_gone";
        /// The picture has more pixels than the site accepts.
        PictureTooLarge = "picture_too_large", TooLarge, Yes, "reason-picture_too_large";
        /// The picture is too small to be shown.
        PictureTooSmall = "picture_too_small", Invalid, Yes, "reason-picture_too_small";
        /// The account's storage quota is used up.
        QuotaUsed = "quota_used", NoRoom, Automatic, "reason-quota_used";
        /// The file is larger than the scratch disk.
        ScratchTooSmall = "scratch_too_small", NoRoom, Yes, "reason-scratch_too_small";
        /// The uploaded file is missing from the storage.
        SourceGone = "source_gone", Internal, No, "reason-source_gone";
        /// The storage refuses access.
        StorageRefused = "storage_refused", Internal, Yes, "reason-storage_refused";
        /// The video is longer than the site accepts.
        TooLong = "too_long", TooLarge, Yes, "reason-too_long";
        /// The file has more tracks than the site accepts. Only older releases wrote it.
        TooManyTracks = "too_many_tracks", TooLarge, Yes, "reason-too_many_tracks";
        /// Encoding takes far longer than it should.
        TooSlow = "too_slow", TooLarge, Yes, "reason-too_slow";
    }
}
