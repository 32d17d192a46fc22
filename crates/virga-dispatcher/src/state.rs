//! The parts that a dispatcher works with.

use std::{path::PathBuf, sync::Arc};

use virga_app::App;

use crate::{DispatcherConfig, EncoderMemory, Launcher};

/// One process's worker. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Dispatcher {
    /// Rows, objects, use cases.
    pub app: App,
    /// Its section.
    pub config: Arc<DispatcherConfig>,
    /// Folder for work in progress; a disk of its own is fine, the store's disk spares copies.
    pub scratch: PathBuf,
    /// How ffmpeg is started.
    pub launcher: Launcher,
    /// What its encoders take together.
    pub memory: EncoderMemory,
    /// Bytes a second that the background check of objects reads; 0: none.
    pub scrub: u64,
    /// Who it is in job rows: host and process.
    pub worker: String,
}
