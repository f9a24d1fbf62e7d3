//! The device: adapters and their capabilities, shaders, pipelines, buffers, timing.
//!
//! Nothing here knows what an operator is. Operators describe their work as [`Launch`]es, which are data.

mod adapter;
pub(crate) mod cache;
mod capabilities;
mod choices;
mod half;
mod kernel;
mod launch;
mod pipeline;
mod shader;
mod stand_in;
mod timing;
pub(crate) mod transfer;

pub use adapter::{Adapter, GpuOptions, adapters};
pub use capabilities::{Capabilities, Window};
pub use choices::{Choice, Choices};
#[cfg(test)]
pub(crate) use half::halve;
pub use kernel::{Field, Kernel, KernelParams};
pub(crate) use kernel::{kernel, params};
pub use launch::{Binding, Launch, Slot};
pub use pipeline::Pipeline;
pub use shader::{INCLUDES, expand};
pub use stand_in::StandIn;
pub use timing::Timestamps;

use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// An open device with its queue, capabilities and pipelines. Cheap to clone.
#[derive(Clone)]
pub struct Gpu {
    inner: Arc<Inner>,
}

struct Inner {
    device: wgpu::Device,
    queue: wgpu::Queue,
    capabilities: Capabilities,
    checked: bool,
    stand_in: Option<StandIn>,
    pipelines: Mutex<HashMap<pipeline::Key, Arc<Pipeline>>>,
    cache: Option<cache::DiskCache>,
    choices: Choices,
    matrices_work: OnceLock<bool>,
    /// Buffers of arrays that several plans use, for as long as one of them does.
    shared: Mutex<Vec<Shared>>,
    buffers: AtomicU64,
    bind_groups: AtomicU64,
    compiled: AtomicU64,
}

/// An array, what its elements are on the device, and the buffer they lie in.
type Shared = (Weak<Array>, DType, Weak<wgpu::Buffer>);

/// How many GPU objects a [`Gpu`] has made so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Buffers created.
    pub buffers: u64,
    /// Bind groups created.
    pub bind_groups: u64,
    /// Pipelines compiled.
    pub pipelines: u64,
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gpu").field("adapter", &self.inner.capabilities.name).finish_non_exhaustive()
    }
}

impl Gpu {
    /// Opens the best adapter, or the one that `FOVEATE_ADAPTER` names.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no adapter, with what to install.
    pub fn new() -> Result<Self> {
        Self::open(&GpuOptions::from_env())
    }

    /// Opens the adapter that `options` ask for.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no such adapter, with those that there are.
    pub fn open(options: &GpuOptions) -> Result<Self> {
        waited(Self::open_async(options))
    }

    /// [`Gpu::open`] for callers with an executor, and for the browser.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub async fn open_async(options: &GpuOptions) -> Result<Self> {
        Ok(Self::assemble(adapter::open(options).await?, options))
    }

    /// Uses a device and queue that the caller already has.
    ///
    /// Operators use whatever features and limits the device was created with, matrices excepted: which it has, only its adapter knows.
    pub fn from_device(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let options = GpuOptions { disk_cache: false, ..GpuOptions::default() };
        Self::assemble(adapter::Opened { device, queue, matrices: Vec::new() }, &options)
    }

    fn assemble(opened: adapter::Opened, options: &GpuOptions) -> Self {
        let adapter::Opened { device, queue, matrices } = opened;
        let &GpuOptions { checked, disk_cache: disk, stand_in, .. } = options;
        let own = Capabilities::read(&device, &matrices, checked);
        let capabilities = match stand_in {
            Some(stand_in) => stand_in.capabilities(own),
            None => own,
        };
        let cache = if disk { cache::DiskCache::open(&device) } else { None };
        let choices = Choices::open(&capabilities, cache::folder().filter(|_| disk).as_deref());
        let inner = Inner {
            device,
            queue,
            capabilities,
            checked,
            stand_in,
            pipelines: Mutex::default(),
            cache,
            choices,
            matrices_work: OnceLock::new(),
            shared: Mutex::default(),
            buffers: AtomicU64::new(0),
            bind_groups: AtomicU64::new(0),
            compiled: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// What the device can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.inner.capabilities
    }

    /// Which kernels were measured to be fastest here, if any were: see [`tune`](crate::plan::tune).
    pub fn choices(&self) -> &Choices {
        &self.inner.choices
    }

    /// The wgpu device.
    pub fn device(&self) -> &wgpu::Device {
        &self.inner.device
    }

    /// The wgpu queue.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.inner.queue
    }

    /// How many objects have been made so far: equal counts before and after a run prove that it allocated nothing.
    pub fn counters(&self) -> Counters {
        Counters {
            buffers: self.inner.buffers.load(Ordering::Relaxed),
            bind_groups: self.inner.bind_groups.load(Ordering::Relaxed),
            pipelines: self.inner.compiled.load(Ordering::Relaxed),
        }
    }

    /// Creates a buffer of `bytes`, counted.
    ///
    /// # Errors
    /// [`Error::Device`] if the device does not allow a buffer of that size.
    pub fn create_buffer(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        let most = self.capabilities().limits.max_buffer_size;
        if bytes > most {
            return Err(Error::Device(format!("{label} needs a buffer of {bytes} bytes, {} allows {most}", self.capabilities().name)));
        }
        self.inner.buffers.fetch_add(1, Ordering::Relaxed);
        let descriptor = wgpu::BufferDescriptor { label: Some(label), size: bytes.max(16), usage, mapped_at_creation: false };
        Ok(self.device().create_buffer(&descriptor))
    }

    /// Creates a bind group, counted.
    pub fn create_bind_group(&self, descriptor: &wgpu::BindGroupDescriptor<'_>) -> wgpu::BindGroup {
        self.inner.bind_groups.fetch_add(1, Ordering::Relaxed);
        self.device().create_bind_group(descriptor)
    }

    /// The buffer that holds `array` as elements of dtype `held`, uploaded once for as long as anybody uses it.
    ///
    /// # Errors
    /// [`Error::Device`] if it does not fit.
    pub(crate) fn shared_buffer(&self, label: &str, array: &Arc<Array>, held: DType) -> Result<Arc<wgpu::Buffer>> {
        let mut shared = self.inner.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.retain(|(_, _, buffer)| buffer.strong_count() > 0);
        let here = Arc::downgrade(array);
        if let Some(buffer) = shared.iter().find(|(a, dtype, _)| *dtype == held && Weak::ptr_eq(a, &here)).and_then(|(_, _, b)| b.upgrade())
        {
            return Ok(buffer);
        }
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let bytes = TensorType::new(held, array.shape()).device_bytes();
        let buffer = Arc::new(self.create_buffer(label, bytes, usage)?);
        self.write(&buffer, &transfer::to_bytes(array, held))?;
        shared.push((here, held, Arc::downgrade(&buffer)));
        Ok(buffer)
    }

    /// Writes `bytes` to the start of `buffer`, along with the next submission. More than 8 MiB go in pieces: while the device copies one,
    /// the host fills the next, so that staging memory stays small and in the host's cache.
    pub(crate) fn write(&self, buffer: &wgpu::Buffer, bytes: &[u8]) -> Result<()> {
        const PIECE: usize = 2 << 20;
        if bytes.len() <= 4 * PIECE || cfg!(target_arch = "wasm32") {
            self.write_at(buffer, 0, bytes);
            return Ok(());
        }
        let mut before = None;
        for (piece, offset) in bytes.chunks(PIECE).zip((0u64..).step_by(PIECE)) {
            self.write_at(buffer, offset, piece);
            if let Some(before) = before.replace(self.queue().submit([])) {
                self.wait_for(before)?;
            }
        }
        Ok(())
    }

    /// Writes `bytes` at an offset of `buffer`, both multiples of 4, along with the next submission.
    pub(crate) fn write_at(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) {
        self.queue().write_buffer(buffer, offset, bytes);
    }

    /// Whether products on [matrices](Capabilities::matrices) are right, as `test` found when it was first asked.
    pub(crate) fn matrices_work(&self, test: impl FnOnce() -> bool) -> bool {
        *self.inner.matrices_work.get_or_init(test)
    }

    /// The pipeline for a launch, compiled at most once.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if a binding cannot be [kept in f16](Binding::half).
    pub fn pipeline(&self, launch: &Launch) -> Result<Arc<Pipeline>> {
        let mut pipelines = self.inner.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match pipelines.entry(pipeline::Key::of(launch)) {
            Entry::Occupied(there) => Arc::clone(there.get()),
            Entry::Vacant(missing) => Arc::clone(missing.insert(Arc::new(self.compiled(launch)?))),
        })
    }

    fn compiled(&self, launch: &Launch) -> Result<Pipeline> {
        self.inner.compiled.fetch_add(1, Ordering::Relaxed);
        let cache = self.inner.cache.as_ref().map(cache::DiskCache::pipelines);
        let options = pipeline::Options {
            checked: self.inner.checked,
            params_in_storage: self.capabilities().params_in_storage,
            stand_in: self.inner.stand_in,
        };
        pipeline::compile(self.device(), launch, options, cache)
    }

    /// Compiles the pipelines of `launches` that are not there yet, on all cores: drivers take up to a second for one.
    ///
    /// # Errors
    /// If the device refuses one.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn compile<'a>(&self, launches: impl Iterator<Item = &'a Launch>) -> Result<()> {
        let pipelines = || self.inner.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut missing: HashMap<pipeline::Key, &Launch> = launches.map(|launch| (pipeline::Key::of(launch), launch)).collect();
        {
            let there = pipelines();
            missing.retain(|key, _| !there.contains_key(key));
        }
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        if threads.min(missing.len()) < 2 {
            return Ok(()); // compiled where it is asked for
        }
        let threads = threads.min(missing.len());
        let queue = Mutex::new(missing.into_iter());
        let work = || {
            // What a device refuses it tells the thread that asked.
            self.guarded(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((key, launch)) = next else { return Ok(()) };
                    let pipeline = Arc::new(self.compiled(launch)?);
                    pipelines().insert(key, pipeline);
                }
            })
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let lost = || Err(Error::Device("a thread that compiles was lost".to_owned()));
            workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| lost()))
        })
    }

    /// A browser compiles each pipeline where it is asked for, and on threads of its own.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn compile<'a>(&self, _: impl Iterator<Item = &'a Launch>) -> Result<()> {
        Ok(())
    }

    /// Runs `work` and turns what the device reports meanwhile into an error.
    ///
    /// # Errors
    /// The first of: out of memory, a validation failure, `work`'s own error.
    pub fn guarded<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        waited(self.guarded_async(work))
    }

    /// [`Gpu::guarded`] for callers with an executor, and for the browser, which knows of errors only later.
    ///
    /// # Errors
    /// As [`Gpu::guarded`].
    pub async fn guarded_async<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let memory = self.device().push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device().push_error_scope(wgpu::ErrorFilter::Validation);
        let result = work();
        // Both scopes end here: while this waits, others may open theirs.
        let validation = validation.pop();
        let memory = memory.pop();
        let validation = validation.await;
        match memory.await.or(validation) {
            Some(error) => Err(Error::Device(format!("{}: {error}", self.capabilities().name))),
            None => result,
        }
    }

    /// Blocks until the device has done all it was given.
    ///
    /// # Errors
    /// [`Error::Device`] if the device was lost.
    pub fn wait(&self) -> Result<()> {
        self.poll(wgpu::PollType::wait_indefinitely())
    }

    /// [`Gpu::wait`] for what was given in one submission and before.
    pub(crate) fn wait_for(&self, submission: wgpu::SubmissionIndex) -> Result<()> {
        self.poll(wgpu::PollType::Wait { submission_index: Some(submission), timeout: None })
    }

    fn poll(&self, how: wgpu::PollType) -> Result<()> {
        if cfg!(target_arch = "wasm32") {
            return Err(in_a_browser());
        }
        self.device().poll(how).map(|_| ()).map_err(|e| Error::Device(format!("{}: {e}", self.capabilities().name)))
    }
}

/// What `future` comes to. In a browser it has to be ready, for nothing there may wait.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn waited<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    pollster::block_on(future)
}

#[cfg(target_arch = "wasm32")]
pub(crate) fn waited<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    use std::task::{Context, Poll, Waker};
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(in_a_browser()),
    }
}

/// The error of whatever waits for the device.
pub(crate) fn in_a_browser() -> Error {
    Error::Device("a browser's code cannot wait for the GPU: call open_async, compile_async and run_async, and await them".to_owned())
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(cache) = &self.cache
            && self.compiled.load(Ordering::Relaxed) > 0
        {
            cache.save();
        }
    }
}
