//! Replay: upload, one pass, download.

use super::device::{Compiled, Dispatch};
use super::program::Program;
use super::readback::{Output, Readback, Waiting};
use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::gpu::{transfer, waited};
use std::sync::Arc;
use wgpu::{CommandEncoder, ComputePass};

impl Compiled {
    pub(super) fn run(&mut self, given: &[&Array]) -> Result<Vec<Array>> {
        let mut outputs = Vec::new();
        self.run_into(given, &mut outputs)?;
        Ok(outputs)
    }

    /// [`Self::run`] into memory that is there.
    pub(super) fn run_into(&mut self, given: &[&Array], outputs: &mut Vec<Array>) -> Result<()> {
        let gpu = self.gpu.clone();
        gpu.guarded(|| waited(self.replay(given, outputs, Waiting::Here)))
    }

    pub(super) async fn run_async(&mut self, given: &[&Array]) -> Result<Vec<Array>> {
        let mut outputs = Vec::new();
        self.replay(given, &mut outputs, Waiting::Elsewhere).await?;
        Ok(outputs)
    }

    async fn replay(&mut self, given: &[&Array], outputs: &mut Vec<Array>, waiting: Waiting) -> Result<()> {
        self.upload(given)?;
        let mut encoder = self.encoder();
        self.largest.clear(&mut encoder);
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            self.dispatches.iter().for_each(|d| d.record(&mut pass));
        }
        let Self { readback, updates, gpu, .. } = self;
        let update = |encoder: &mut CommandEncoder| {
            for copy in &*updates {
                encoder.copy_buffer_to_buffer(&copy.source, 0, &copy.target, 0, copy.bytes);
            }
        };
        readback.carry(gpu, encoder, update, outputs, waiting).await
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
        waited(self.read_async(program, value, Waiting::Here))
    }

    pub(super) async fn read_async(&self, program: &Program, value: usize, waiting: Waiting) -> Result<Array> {
        let source = self.values[value].clone().ok_or_else(|| Error::Device("a value has no buffer".to_owned()))?;
        let output = Output { source, ty: Arc::clone(&program.values[value].ty), held: self.types[value].dtype };
        let (mut readback, mut found) = (Readback::new(&self.gpu, vec![output])?, Vec::new());
        readback.carry(&self.gpu, self.encoder(), |_| {}, &mut found, waiting).await?;
        found.pop().ok_or_else(|| Error::Device("a value was not read".to_owned()))
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
