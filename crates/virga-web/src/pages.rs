//! The pages, one file each: its context, its handlers.

pub(crate) mod account;
pub(crate) mod comments;
pub(crate) mod edit;
pub(crate) mod home;
pub(crate) mod missing;
pub(crate) mod person;
pub(crate) mod settings;
pub(crate) mod setup;
pub(crate) mod studio;
pub(crate) mod watch;
