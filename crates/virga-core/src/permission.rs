//! Who may do what to a video: one function for every route, page, playlist, segment and list.

use crate::{
    Code, Failure, UserId,
    video::{VideoState, Visibility, word_enum},
};
use serde::{Deserialize, Serialize};

word_enum! {
    /// What an account may do beyond its own things.
    Role {
        /// Its own videos and comments.
        User = "user",
        /// Everything.
        Admin = "admin",
    }
}

/// Who asks. Comes from verified middleware only, never from a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// Not signed in.
    Anonymous,
    /// Signed in.
    User {
        /// Account.
        id: UserId,
        /// Its name.
        name: String,
        /// Its role.
        role: Role,
    },
}

impl Viewer {
    /// The account, when signed in.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::Anonymous => None,
            Self::User { id, .. } => Some(*id),
        }
    }

    /// Whether this is an administrator.
    pub fn is_admin(&self) -> bool {
        matches!(
            self,
            Self::User {
                role: Role::Admin,
                ..
            }
        )
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See that it exists: page, metadata, comments.
    View,
    /// Anything that leads to its bytes.
    Play,
    /// Write a comment.
    Comment,
    /// Change title, description, visibility; upload to it; fetch the source; retry.
    Edit,
    /// Delete and restore.
    Delete,
}

/// What of a video decides.
#[derive(Clone, Copy, Debug)]
pub struct VideoFacts {
    /// Its owner.
    pub owner: UserId,
    /// Who may see it.
    pub visibility: Visibility,
    /// Where it stands.
    pub state: VideoState,
}

/// Grants or refuses. A viewer who may not even see it reads "not found"; who may see it but not
/// do this reads "forbidden", or "sign in" when not signed in.
pub fn authorize(viewer: &Viewer, facts: VideoFacts, action: Action) -> Result<(), Failure> {
    let owns = viewer.user_id() == Some(facts.owner) || viewer.is_admin();
    let deleted = facts.state == VideoState::Deleted;
    let hidden =
        !owns && (deleted || facts.visibility == Visibility::Private || !facts.state.plays());
    if hidden {
        return Err(Failure::not_found("video"));
    }
    match action {
        Action::View => Ok(()),
        Action::Play if deleted => Err(Failure::not_found("video")),
        Action::Play => Ok(()),
        Action::Comment if *viewer == Viewer::Anonymous => Err(sign_in()),
        Action::Comment if deleted => Err(gone()),
        Action::Comment => Ok(()),
        Action::Edit if owns && deleted => Err(gone()),
        Action::Edit | Action::Delete if owns => Ok(()),
        Action::Edit | Action::Delete if *viewer == Viewer::Anonymous => Err(sign_in()),
        Action::Edit | Action::Delete => Err(Failure::new(
            Code::NotYours,
            "This video belongs to someone else.",
        )),
    }
}

/// Refusal of a request that needs an account.
pub fn sign_in() -> Failure {
    Failure::new(Code::SignIn, "Sign in first.")
}

fn gone() -> Failure {
    Failure::new(
        Code::VideoDeleted,
        "This video is deleted. Restore it first.",
    )
}
