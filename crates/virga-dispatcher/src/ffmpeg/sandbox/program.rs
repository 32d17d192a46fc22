//! The program to become: where it is, and which loader the kernel starts for it.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::unix::{ffi::OsStringExt, fs::FileExt},
    path::{Path, PathBuf},
};

/// A program file.
#[derive(Clone, Debug)]
pub(in crate::ffmpeg) struct Program {
    pub(in crate::ffmpeg) path: PathBuf,
    /// Its dynamic loader; none for a static program or a script.
    pub(super) loader: Option<PathBuf>,
}

impl Program {
    /// Looks a name up in `PATH`; a name with a slash is a path.
    pub(in crate::ffmpeg) fn find(name: &Path, path: Option<&OsStr>) -> io::Result<Self> {
        let path = if name.components().count() > 1 {
            name.to_owned()
        } else {
            std::env::split_paths(path.unwrap_or_default())
                .map(|folder| folder.join(name))
                .find(|candidate| candidate.is_file())
                .ok_or_else(|| {
                    let text = format!("{} is not in PATH", name.display());
                    io::Error::new(io::ErrorKind::NotFound, text)
                })?
        };
        let loader = loader(&File::open(&path)?).unwrap_or_default();
        Ok(Self { path, loader })
    }

    /// Folders next to the program that may hold its own libraries.
    pub(super) fn libraries(&self) -> Option<PathBuf> {
        let real = self.path.canonicalize().ok()?;
        let folder = real.parent()?;
        (folder.file_name()? == "bin").then(|| folder.with_file_name("lib"))
    }
}

/// Reads the interpreter of a 64-bit little-endian ELF file.
fn loader(file: &File) -> io::Result<Option<PathBuf>> {
    const INTERPRETER: u64 = 3;
    const LONGEST: u64 = 4096;
    let mut head = [0; 64];
    file.read_exact_at(&mut head, 0)?;
    // 64 bits, least byte first.
    if head[..6] != *b"\x7fELF\x02\x01" {
        return Ok(None);
    }
    let (start, size) = (u64_at(&head, 0x20), u64::from(u16_at(&head, 0x36)));
    for index in 0..u64::from(u16_at(&head, 0x38)) {
        let mut entry = [0; 56];
        let at = start.saturating_add(index * size);
        file.read_exact_at(&mut entry, at)?;
        if u64_at(&entry, 0) & 0xffff_ffff == INTERPRETER {
            let length = u64_at(&entry, 0x20).min(LONGEST);
            let mut name = vec![0; usize::try_from(length).unwrap_or(0)];
            file.read_exact_at(&mut name, u64_at(&entry, 8))?;
            name.retain(|byte| *byte != 0);
            return Ok(Some(OsString::from_vec(name).into()));
        }
    }
    Ok(None)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8]
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_of_a_program_is_found() {
        let me = std::env::current_exe().unwrap();
        let loader = Program::find(&me, None).unwrap().loader.unwrap();
        assert!(loader.is_file(), "{}", loader.display());
        let missing = Program::find(Path::new("no-such-program"), Some(OsStr::new("/bin")));
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
