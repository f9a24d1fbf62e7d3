//! Writing files so that nothing is lost.

use crate::error::{Error, Result};
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

/// What file formats write to.
pub(crate) trait WriteSeek: Write + Seek {}
impl<T: Write + Seek> WriteSeek for T {}

/// Writes `bytes` to a temporary file beside `path`, then renames it: a failure leaves the old file as it was.
///
/// # Errors
/// [`Error::Io`].
pub fn write(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    replace(path.as_ref(), |file| file.write_all(bytes))
}

/// [`write()`] for formats that write piece by piece.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&mut dyn WriteSeek) -> io::Result<()>) -> Result<()> {
    let failed = |e| Error::io(path, e);
    let mut file = BufWriter::new(temporary(folder_of(path)).map_err(failed)?);
    write(&mut file).map_err(failed)?;
    let file = file.into_inner().map_err(|e| failed(e.into_error()))?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}

/// [`write()`] for formats that open a file themselves: `write` gets the temporary one's path.
pub(crate) fn replace_at(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let failed = |e| Error::io(path, e);
    let file = temporary(folder_of(path)).map_err(failed)?.into_temp_path();
    write(&file)?;
    file.persist(path).map_err(|e| failed(e.error))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A temporary file with the permissions of an ordinary one; `tempfile` makes them private otherwise.
fn temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    #[cfg(unix)]
    return tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)).tempfile_in(folder);
    #[cfg(not(unix))]
    tempfile::Builder::new().tempfile_in(folder)
}
