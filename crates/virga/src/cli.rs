//! The command line.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use virga_core::{VideoId, video::Visibility};

const AFTER: &str = "Start here:  virga serve --data ./data
Settings:    built in < virga.toml < conf.d/*.toml < environment VIRGA_SECTION__KEY < flags; `virga config show` tells where each comes from.";

/// Virga: a video site that anyone can run.
#[derive(Debug, Parser)]
#[command(name = "virga", version, after_help = AFTER, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Configuration file [default: /etc/virga/virga.toml, with its data folder; with --data, or where
    /// there is none, virga.toml in this folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder for the database, objects and keys
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The whole site in one process: pages, API, media and workers
    Serve(Listen),
    /// Only the pages (talks to the API given by services.api)
    Web(Listen),
    /// Only the API (control plane)
    Api(Listen),
    /// Only upload parts, playlists and segments (data plane)
    Stream(Listen),
    /// Only the workers: transcode, publish, purge (health and metrics on its port)
    Dispatcher(Listen),
    /// Bring the database's tables up to date
    Migrate {
        /// Only print the SQL, for a database whose account may not change tables: sqlite, mysql
        /// or postgres
        #[arg(long, value_name = "ENGINE")]
        print: Option<virga_db::Engine>,
    },
    /// Accounts
    #[command(subcommand)]
    User(User),
    /// Jobs: what is encoded, what waits, what failed
    #[command(subcommand)]
    Jobs(Jobs),
    /// Settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a complete load balancer configuration for the replicas in the section [balancer]
    Lb {
        /// The load balancer
        engine: Balancer,
    },
    /// The object store
    #[command(subcommand)]
    Store(Store),
    /// Compare rows with objects. Exit 0: no problems; 1: problems; 2: could not check
    Fsck(Fsck),
    /// Upload files from this machine to a site; run it again to resume
    Upload(Upload),
    /// Check what Virga needs on this machine, and say how to fix what is wrong
    Doctor,
    /// How the workers start ffmpeg: with limits, then in its place
    #[command(hide = true)]
    LaunchFfmpeg {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<std::ffi::OsString>,
    },
}

impl Command {
    /// Whether it reads or changes what a site keeps, and ends.
    pub(crate) fn works_on_a_site(&self) -> bool {
        match self {
            Self::Migrate { print } => print.is_none(),
            Self::User(_)
            | Self::Jobs(_)
            | Self::Lb { .. }
            | Self::Fsck(_)
            | Self::Store(_)
            | Self::Doctor => true,
            Self::Config(which) => !matches!(which, ConfigCommand::Import { .. }),
            Self::Serve(_)
            | Self::Web(_)
            | Self::Api(_)
            | Self::Stream(_)
            | Self::Dispatcher(_)
            | Self::Upload(_)
            | Self::LaunchFfmpeg { .. } => false,
        }
    }
}

/// A balancer that a configuration is written for.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Balancer {
    /// HAProxy 2.6 or newer: checks replicas, drains them, keeps media where it is cached
    Haproxy,
    /// nginx 1.18 or newer
    Nginx,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Listen {
    /// Address and port to listen on, or an IP address alone for the role's own port [default:
    /// 0.0.0.0:8080; api 127.0.0.1:9000, stream 127.0.0.1:9001, dispatcher 127.0.0.1:9002]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Jobs {
    /// Jobs that wait or run, the oldest first
    List {
        /// Those that were given up instead, the newest first, with what the encoder said last
        #[arg(long)]
        failed: bool,
    },
    /// Try again what failed of a video
    Retry {
        /// Its id, as in its address /v/ID
        video: VideoId,
    },
    /// Make everything again from a video's file; nobody can watch it until its first version is ready
    Rebuild {
        /// Its id, as in its address /v/ID
        video: VideoId,
    },
    /// Stop the work on a video; what can be watched already stays
    Stop {
        /// Its id, as in its address /v/ID
        video: VideoId,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Add an account
    Add {
        /// Its name
        name: String,
        /// May do everything
        #[arg(long)]
        admin: bool,
        /// File whose first line is the password (never on the command line, where others see it)
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
    /// All accounts
    List,
    /// Block an account from signing in and end its sessions; its videos stay
    Block {
        /// Its name
        name: String,
    },
    /// Let a blocked account sign in again
    Unblock {
        /// Its name
        name: String,
    },
    /// Give an account a new password and end its sessions
    ResetPassword {
        /// Its name
        name: String,
        /// File whose first line is the password
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every setting, its value and its source; secrets are hidden
    Show,
    /// List settings that would keep a role from starting. Exit 0: none; 1: one line for each
    Check,
    /// Print a virga.toml made from the config.json or conf.json of the site that Virga replaces
    Import {
        /// The file
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Test the configured bucket: clock, signature, ranges, multipart, create-only, signed
    /// addresses, CORS, the abort rule. Exit 0: no problems; 1: problems
    Check {
        /// Set CORS and the abort rule where they are missing
        #[arg(long)]
        fix: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Upload {
    /// The files
    #[arg(required = true, value_name = "FILE", value_parser = existing)]
    pub(crate) files: Vec<PathBuf>,
    #[arg(
        long,
        value_name = "URL",
        help = "The site, as in https://videos.example"
    )]
    pub(crate) server: String,
    /// File whose first line is a session token from POST /api/v1/sessions
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: PathBuf,
    /// The video's title [default: the file's name]
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// public, unlisted or private
    #[arg(long, default_value = "private", value_parser = visibility)]
    pub(crate) visibility: Visibility,
}

fn visibility(text: &str) -> Result<Visibility, String> {
    Visibility::parse(text).ok_or_else(|| "say public, unlisted or private".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct Fsck {
    /// Fix what can be fixed without guessing
    #[arg(long)]
    pub(crate) repair: bool,
    /// Read every byte and compare it with its checksum; with --repair, rebuild damaged versions of
    /// a video from its source
    #[arg(long)]
    pub(crate) deep: bool,
    /// One JSON document instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}

/// Checks for the command line that the files are there before anything is sent.
fn existing(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.metadata() {
        Ok(found) if found.is_file() => Ok(path),
        Ok(_) => Err("this is not a file".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
