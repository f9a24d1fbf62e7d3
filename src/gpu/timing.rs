//! GPU timestamps.

use super::Gpu;
use crate::error::{Error, Result};

/// Timestamps written at the borders of compute passes, and read back together.
#[derive(Debug)]
pub struct Timestamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    readback: wgpu::Buffer,
    passes: u32,
}

impl Timestamps {
    /// Room for the start and end of `passes` passes.
    ///
    /// # Errors
    /// [`Error::Device`] if the device has no timestamps.
    pub fn new(gpu: &Gpu, passes: u32) -> Result<Self> {
        if !gpu.capabilities().features.contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Err(Error::Device(format!("{} has no GPU timestamps", gpu.capabilities().name)));
        }
        let most = wgpu::QUERY_SET_MAX_QUERIES / 2;
        if passes > most {
            return Err(Error::Device(format!("{passes} passes are too many to time at once: {most} at most")));
        }
        let descriptor = wgpu::QuerySetDescriptor { label: Some("timestamps"), ty: wgpu::QueryType::Timestamp, count: 2 * passes };
        let bytes = u64::from(passes) * 16;
        Ok(Self {
            queries: gpu.device().create_query_set(&descriptor),
            resolved: gpu.create_buffer("timestamps", bytes, wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC)?,
            readback: gpu.create_buffer("timestamps", bytes, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)?,
            passes,
        })
    }

    /// What pass number `index` writes.
    pub fn writes(&self, index: u32) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(2 * index),
            end_of_pass_write_index: Some(2 * index + 1),
        }
    }

    /// Adds the commands that make the timestamps readable.
    pub fn resolve(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.resolve_query_set(&self.queries, 0..2 * self.passes, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.readback, 0, u64::from(self.passes) * 16);
    }

    /// Start and end of each pass in microseconds, once the encoder has been submitted.
    ///
    /// # Errors
    /// [`Error::Device`] if the device was lost.
    pub fn read(&self, gpu: &Gpu) -> Result<Vec<(f64, f64)>> {
        let lost = |e: &dyn std::fmt::Display| Error::Device(format!("timestamps could not be read: {e}"));
        let slice = self.readback.slice(..u64::from(self.passes) * 16);
        slice.map_async(wgpu::MapMode::Read, |_| {});
        gpu.wait()?;
        let ticks: Vec<u64> = {
            let view = slice.get_mapped_range().map_err(|e| lost(&e))?;
            bytemuck::pod_collect_to_vec(&view)
        };
        self.readback.unmap();
        let us = |t: u64| t as f64 * f64::from(gpu.queue().get_timestamp_period()) / 1000.0;
        Ok(ticks.chunks_exact(2).map(|t| (us(t[0]), us(t[1]))).collect())
    }
}
