//! One small classifier as six packages train it: x (N, 1000) -> W1 -> relu -> W2 -> softmax over 10 classes, on random data.
//!
//!     cargo run --release --example six_frameworks
//!     cargo run --release --example six_frameworks -- lasagne keras --steps 200
//!
//! The net is the same, and yet no two runs are: what a package's own example starts from, divides the loss by, and takes for an
//! optimiser is its file here.

mod caffe;
mod keras;
mod lasagne;
mod net;
mod tensorflow;
mod theano;
mod torch;

use clap::{Parser, ValueEnum};
use foveate::Result;
use foveate::gpu::Gpu;
use foveate::plan::Device;
use net::{Sizes, Trained};

/// One small classifier as six packages train it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Which ones, all if none is named
    #[arg(value_enum)]
    packages: Vec<Package>,
    /// How many updates, in place of what each package's example makes (Keras: epochs)
    #[arg(long)]
    steps: Option<usize>,
    /// Compute with the references on the CPU, which is slow
    #[arg(long)]
    cpu: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Package {
    /// Data, net and solver in files: momentum, weight decay, rates that fall
    Caffe,
    /// The sum of the losses, plain descent
    Tensorflow,
    /// Adam, on data that are new at every step
    Torch,
    /// Loss, scores and gradients; no update
    Theano,
    /// Nesterov's momentum
    Lasagne,
    /// Epochs of shuffled batches, the last of which is smaller
    Keras,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let device = if arguments.cpu { Device::Cpu } else { Device::from(&Gpu::new()?) };
    println!("on {}", device.name());
    let all = Package::value_variants();
    let (deck, wanted) = (Sizes::of_the_lecture, if arguments.packages.is_empty() { all } else { &arguments.packages });
    for package in wanted {
        let steps = |usual: usize| arguments.steps.unwrap_or(usual);
        match package {
            Package::Caffe => {
                let folder = std::env::temp_dir().join(format!("six_frameworks_{}", std::process::id()));
                // Data, net, solver, training.
                let solver = caffe::Solver::new(deck(256), steps(200) as u64);
                let trained = caffe::convert(&folder, deck(256)).and_then(|()| caffe::train(&device, &folder, &solver, None, None));
                let _ = std::fs::remove_dir_all(&folder);
                report("Caffe, batches of 64 out of 256", &trained?);
            }
            Package::Tensorflow => report("TensorFlow, sum of 64 losses", &tensorflow::train(&device, deck(64), steps(100))?),
            Package::Torch => report("Torch, mean of 100 losses", &torch::train(&device, deck(100), steps(1))?),
            Package::Theano => {
                let (loss, scores, gradients) = theano::call(&device, deck(64))?;
                println!("Theano: loss {loss:.4}, scores {}, gradients {} and {}", scores.ty(), gradients[0].ty(), gradients[1].ty());
                let norms = gradients.map(|g| g.to_f64().iter().map(|v| v * v).sum::<f64>().sqrt());
                println!("    norms of the gradients {:.4} and {:.4}", norms[0], norms[1]);
            }
            Package::Lasagne => report("Lasagne, mean of 64 losses", &lasagne::train(&device, deck(64), 0.01, steps(100))?),
            Package::Keras => report("Keras, batches of 32 out of 1000", &keras::train(&device, deck(1000), 32, 0.001, steps(5))?),
        }
    }
    Ok(())
}

/// The losses of at most a dozen steps, the first and the last among them.
fn report(name: &str, trained: &Trained) {
    println!("{name}: {} updates of {} parameters", trained.updates, trained.parameters.iter().map(|(_, a)| a.len()).sum::<usize>());
    let last = trained.losses.len().saturating_sub(1);
    let stride = last.div_ceil(11).max(1);
    for (step, loss) in trained.losses.iter().enumerate().filter(|(step, _)| step % stride == 0 || *step == last) {
        println!("    step {step:>4}  loss {loss:.4}");
    }
}
