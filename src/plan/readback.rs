//! Outputs on their way to the host, in pieces: while the device fills one, the host empties the other.

use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, transfer};
use futures_channel::oneshot::Receiver;
use std::sync::Arc;
use wgpu::{BufferAsyncError, BufferUsages, CommandEncoder, SubmissionIndex};

/// Bytes of a piece: the host's cache still holds what arrives. 8 and 32 MiB were slower (`docs/performance.md`).
const PIECE: u64 = 2 << 20;

/// What a plan reads back, and the memory for it.
#[derive(Debug)]
pub(super) struct Readback {
    outputs: Vec<Output>,
    /// The parts of outputs in each piece; one piece at least, whose parts may be none.
    pieces: Vec<Vec<Part>>,
    /// Memory for one piece or, if there are more, for every other.
    staging: Vec<wgpu::Buffer>,
    /// Which of it may be mapped, also by a run that was not awaited to its end.
    mapped: Vec<bool>,
}

/// A value on the device.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) source: Arc<wgpu::Buffer>,
    pub(super) ty: Arc<TensorType>,
    /// What its elements are on the device.
    pub(super) held: DType,
}

/// Bytes `from..from + bytes` of an output, which lie at `to` in a piece.
#[derive(Debug)]
struct Part {
    output: usize,
    from: u64,
    to: u64,
    bytes: u64,
}

/// Who waits for the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// The thread that asks.
    Here,
    /// Another one, natively; a browser calls back by itself.
    Elsewhere,
}

/// A piece that was submitted.
struct Submitted {
    index: SubmissionIndex,
    mapped: Receiver<std::result::Result<(), BufferAsyncError>>,
}

impl Readback {
    pub(super) fn new(gpu: &Gpu, outputs: Vec<Output>) -> Result<Self> {
        let sizes: Vec<u64> = outputs.iter().map(Output::bytes).collect();
        let (pieces, bytes) = (pieces(&sizes), Self::bytes(sizes.iter().copied().fold(0, u64::saturating_add)));
        let count = pieces.len().min(2);
        let usage = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
        let staging = (0..count).map(|_| gpu.create_buffer("readback", bytes / count as u64, usage)).collect::<Result<Vec<_>>>()?;
        Ok(Self { outputs, pieces, mapped: vec![false; staging.len()], staging })
    }

    /// How much memory outputs of so many bytes in total take on their way.
    pub(super) fn bytes(outputs: u64) -> u64 {
        if outputs <= PIECE { outputs } else { 2 * PIECE }
    }

    /// Submits `encoder`, with the copies of the first piece behind what it has, then piece after piece; `end` adds what follows the copies
    /// of the last. Outputs take the places of what `into` holds.
    pub(super) async fn carry(
        &mut self,
        gpu: &Gpu,
        encoder: CommandEncoder,
        end: impl Fn(&mut CommandEncoder),
        into: &mut Vec<Array>,
        waiting: Waiting,
    ) -> Result<()> {
        let mut submitted = self.submit(gpu, encoder, 0, &end);
        into.resize_with(self.outputs.len(), Array::default);
        for (array, output) in into.iter_mut().zip(&self.outputs) {
            transfer::prepare(array, &output.ty);
        }
        for piece in 0..self.pieces.len() {
            let next = piece + 1;
            let following = (next < self.pieces.len()).then(|| {
                let encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("readback") });
                self.submit(gpu, encoder, next, &end)
            });
            let Submitted { index, mapped } = submitted;
            match waiting {
                Waiting::Here => gpu.wait_for(index)?,
                Waiting::Elsewhere => {
                    #[cfg(not(target_arch = "wasm32"))]
                    {
                        let gpu = gpu.clone();
                        std::thread::spawn(move || drop(gpu.wait_for(index)));
                    }
                    let mapped = mapped.await.map_err(|_| Error::Device("the device was lost during a run".to_owned()))?;
                    mapped.map_err(unreadable)?;
                }
            }
            self.empty(piece, into)?;
            match following {
                Some(following) => submitted = following,
                None => break,
            }
        }
        Ok(())
    }

    fn submit(&mut self, gpu: &Gpu, mut encoder: CommandEncoder, piece: usize, end: impl Fn(&mut CommandEncoder)) -> Submitted {
        let side = piece % self.staging.len();
        let staging = &self.staging[side];
        if std::mem::replace(&mut self.mapped[side], true) {
            staging.unmap();
        }
        for part in &self.pieces[piece] {
            encoder.copy_buffer_to_buffer(&self.outputs[part.output].source, part.from, staging, part.to, part.bytes);
        }
        if piece + 1 == self.pieces.len() {
            end(&mut encoder);
        }
        let index = gpu.queue().submit([encoder.finish()]);
        let (done, mapped) = futures_channel::oneshot::channel();
        staging.map_async(wgpu::MapMode::Read, .., |result| drop(done.send(result)));
        Submitted { index, mapped }
    }

    fn empty(&mut self, piece: usize, into: &mut [Array]) -> Result<()> {
        let side = piece % self.staging.len();
        {
            let view = self.staging[side].get_mapped_range(..).map_err(unreadable)?;
            let at = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
            for part in &self.pieces[piece] {
                let bytes = &view[at(part.to)..at(part.to + part.bytes)];
                transfer::read(&mut into[part.output], self.outputs[part.output].held, at(part.from), bytes);
            }
        }
        self.staging[side].unmap();
        self.mapped[side] = false;
        Ok(())
    }
}

impl Output {
    fn bytes(&self) -> u64 {
        TensorType::new(self.held, self.ty.shape.clone()).device_bytes()
    }
}

fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::Device(format!("the outputs could not be read: {error}"))
}

/// Outputs of so many bytes, one behind the other, cut into pieces.
fn pieces(sizes: &[u64]) -> Vec<Vec<Part>> {
    let (mut pieces, mut end) = (vec![Vec::new()], 0);
    for (output, &size) in sizes.iter().enumerate() {
        let mut from = 0;
        while from < size {
            if end == PIECE {
                pieces.push(Vec::new());
                end = 0;
            }
            let bytes = (size - from).min(PIECE - end);
            if let Some(piece) = pieces.last_mut() {
                piece.push(Part { output, from, to: end, bytes });
            }
            from += bytes;
            end += bytes;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{PIECE, pieces};

    #[test]
    fn pieces_follow_on_each_other_and_leave_nothing_out() {
        let p = PIECE;
        for sizes in [vec![], vec![0], vec![4, 0, 8], vec![p], vec![p, 4], vec![4, p], vec![p - 4, 8, 3 * p, 12], vec![0, 2 * p]] {
            let pieces = pieces(&sizes);
            let total: u64 = sizes.iter().sum();
            assert_eq!(pieces.len() as u64, total.div_ceil(p).max(1), "{sizes:?}");
            let mut read = vec![0; sizes.len()];
            for (number, piece) in pieces.iter().enumerate() {
                let mut end = 0;
                for part in piece {
                    assert_eq!((part.from, part.to), (read[part.output], end), "{sizes:?}");
                    read[part.output] += part.bytes;
                    end += part.bytes;
                }
                assert_eq!(end, (total - number as u64 * p).min(p), "{sizes:?}");
            }
            assert_eq!(read, sizes);
        }
    }
}
