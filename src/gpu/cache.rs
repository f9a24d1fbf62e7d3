//! The pipeline cache on disk, for backends that have one (Vulkan).
//!
//! A file is `FVPC`, the FNV-1a hash of the driver's data, then the data. A file that does not hash is ignored;
//! data from another driver version is refused by the driver itself.

use std::io::Write;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 4] = b"FVPC";

pub(super) struct DiskCache {
    pipelines: wgpu::PipelineCache,
    path: PathBuf,
}

impl DiskCache {
    /// The cache of this device's adapter; `None` where the backend has none or there is no folder for it.
    pub(super) fn open(device: &wgpu::Device) -> Option<Self> {
        if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let key = wgpu::util::pipeline_cache_key(&device.adapter_info())?;
        let path = folder()?.join(key);
        let data = std::fs::read(&path).ok().and_then(|file| unpack(&file).map(<[u8]>::to_vec));
        let descriptor = wgpu::PipelineCacheDescriptor { label: Some("foveate"), data: data.as_deref(), fallback: true };
        // SAFETY: the data came from `PipelineCache::get_data` of this adapter, as its key and hash show.
        let pipelines = unsafe { device.create_pipeline_cache(&descriptor) };
        Some(Self { pipelines, path })
    }

    pub(super) fn pipelines(&self) -> &wgpu::PipelineCache {
        &self.pipelines
    }

    /// Writes the cache to a temporary file and renames it. A failure costs only speed, so it is logged and forgotten.
    pub(super) fn save(&self) {
        let Some(data) = self.pipelines.get_data() else { return };
        if let Err(error) = write(&self.path, &pack(&data)) {
            tracing::debug!("the pipeline cache {} was not written: {error}", self.path.display());
        }
    }
}

/// `$FOVEATE_CACHE_DIR`, else `foveate` under the user's cache folder.
pub(super) fn folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    set("FOVEATE_CACHE_DIR")
        .or_else(|| set("XDG_CACHE_HOME").map(|p| p.join("foveate")))
        .or_else(|| set("LOCALAPPDATA").map(|p| p.join("foveate")))
        .or_else(|| set("HOME").map(|p| p.join(".cache/foveate")))
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().ok_or(std::io::ErrorKind::NotFound)?;
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

fn pack(data: &[u8]) -> Vec<u8> {
    [MAGIC.as_slice(), &hash(data).to_le_bytes(), data].concat()
}

fn unpack(file: &[u8]) -> Option<&[u8]> {
    let (magic, rest) = file.split_first_chunk::<4>()?;
    let (sum, data) = rest.split_first_chunk::<8>()?;
    (magic == MAGIC && u64::from_le_bytes(*sum) == hash(data)).then_some(data)
}

pub(crate) fn hash(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |h, &byte| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_ignored() {
        let mut file = pack(b"driver data");
        assert_eq!(unpack(&file), Some(b"driver data".as_slice()));
        for i in 0..file.len() {
            file[i] ^= 1;
            assert_eq!(unpack(&file), None, "byte {i}");
            file[i] ^= 1;
        }
        for n in 0..12 {
            assert_eq!(unpack(&file[..n]), None, "cut to {n} bytes");
        }
    }
}
