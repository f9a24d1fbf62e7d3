//! Replay: upload, one pass, download.

use super::device::{Compiled, Dispatch};
use super::program::Program;
use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::gpu::transfer;
use std::sync::Arc;
use wgpu::{CommandEncoder, ComputePass};

impl Compiled {
    pub(super) fn run(&mut self, program: &Program, given: &[&Array]) -> Result<Vec<Array>> {
        let gpu = self.gpu.clone();
        gpu.guarded(|| {
            self.submit(given)?;
            self.staging.slice(..).map_async(wgpu::MapMode::Read, |_| {});
            gpu.wait()?;
            self.download(program)
        })
    }

    pub(super) async fn run_async(&mut self, program: &Program, given: &[&Array]) -> Result<Vec<Array>> {
        self.submit(given)?;
        let (done, mapped) = futures_channel::oneshot::channel();
        self.staging.slice(..).map_async(wgpu::MapMode::Read, |result| drop(done.send(result)));
        // A browser calls back by itself; natively somebody has to wait for the device.
        #[cfg(not(target_arch = "wasm32"))]
        {
            let gpu = self.gpu.clone();
            std::thread::spawn(move || drop(gpu.wait()));
        }
        match mapped.await {
            Ok(Ok(())) => self.download(program),
            Ok(Err(error)) => Err(Error::Device(format!("the outputs could not be read: {error}"))),
            Err(_) => Err(Error::Device("the device was lost during a run".to_owned())),
        }
    }

    fn submit(&mut self, given: &[&Array]) -> Result<()> {
        if std::mem::replace(&mut self.mapping, true) {
            self.staging.unmap();
        }
        self.upload(given)?;
        let mut encoder = self.encoder();
        self.largest.clear(&mut encoder);
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            self.dispatches.iter().for_each(|d| d.record(&mut pass));
        }
        for d in &self.downloads {
            encoder.copy_buffer_to_buffer(&d.source, 0, &self.staging, d.offset, d.bytes);
        }
        for copy in &self.updates {
            encoder.copy_buffer_to_buffer(&copy.source, 0, &copy.target, 0, copy.bytes);
        }
        self.gpu.queue().submit([encoder.finish()]);
        Ok(())
    }

    fn download(&mut self, program: &Program) -> Result<Vec<Array>> {
        let lost = |e| Error::Device(format!("the outputs could not be read: {e}"));
        let results = {
            let view = self.staging.slice(..).get_mapped_range().map_err(lost)?;
            let start = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
            let outputs = program.outputs.iter().zip(&self.downloads);
            outputs.map(|(&value, d)| transfer::from_bytes(program.ty(value), self.types[value].dtype, &view[start(d.offset)..])).collect()
        };
        self.staging.unmap();
        self.mapping = false;
        results
    }

    pub(super) fn upload(&self, given: &[&Array]) -> Result<()> {
        let write =
            |((buffer, held), array): (&(Arc<wgpu::Buffer>, DType), &&Array)| self.gpu.write(buffer, &transfer::to_bytes(array, *held));
        self.inputs.iter().zip(given).try_for_each(write)
    }

    /// What a run begins with where it is not one submission.
    pub(super) fn clear_largest(&self) {
        let mut encoder = self.encoder();
        self.largest.clear(&mut encoder);
        self.gpu.queue().submit([encoder.finish()]);
    }

    pub(super) fn encoder(&self) -> CommandEncoder {
        self.gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("plan") })
    }

    pub(super) fn write_state(&mut self, index: usize, array: &Array) -> Result<()> {
        self.gpu.write(&self.states[index], &transfer::to_bytes(array, array.dtype()))
    }

    /// A value as it lies on the device now.
    pub(super) fn read(&self, program: &Program, value: usize) -> Result<Array> {
        let held = &self.types[value];
        let source = self.values[value].as_ref().ok_or_else(|| Error::Device("a value has no buffer".to_owned()))?;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = self.gpu.create_buffer("readback of a value", held.device_bytes(), usage)?;
        let mut encoder = self.encoder();
        encoder.copy_buffer_to_buffer(source, 0, &staging, 0, held.device_bytes());
        self.gpu.queue().submit([encoder.finish()]);
        staging.slice(..).map_async(wgpu::MapMode::Read, |_| {});
        self.gpu.wait()?;
        let view = staging.slice(..).get_mapped_range().map_err(|e| Error::Device(format!("a value could not be read: {e}")))?;
        transfer::from_bytes(program.ty(value), held.dtype, &view)
    }
}

impl Dispatch {
    /// Adds this dispatch to a pass.
    pub(super) fn record(&self, pass: &mut ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.dispatch_workgroups(self.groups.0, self.groups.1, 1);
    }
}
