//! The pages, one file each: its context, its handlers.

pub(crate) mod account;
pub(crate) mod admin;
pub(crate) mod clip;
pub(crate) mod comments;
pub(crate) mod edit;
pub(crate) mod embed;
pub(crate) mod feed;
pub(crate) mod home;
pub(crate) mod install;
pub(crate) mod missing;
pub(crate) mod person;
pub(crate) mod related;
pub(crate) mod settings;
pub(crate) mod setup;
pub(crate) mod share;
pub(crate) mod studio;
pub(crate) mod upload;
pub(crate) mod watch;
