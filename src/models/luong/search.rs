//! How a translator goes from word to word.

use super::Luong;
use super::look::Source;
use super::network::{Network, State};
use crate::array::{DType, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::models::beam::{self, Beginning, Ended, Searched, Step};
use crate::models::layers::Layers;
use crate::models::sentences::known;

impl Searched<'_, Luong> {
    fn network(&self, graph: &Graph) -> Result<Network> {
        Network::new(&mut Layers::load(graph, self.weights), self.sizes)
    }
}

impl beam::Network for Searched<'_, Luong> {
    const NAME: &'static str = "luong beam";
    const START: i32 = -1;
    const ENDED: Ended = Ended::Leaves;

    fn words(&self) -> usize {
        self.sizes.target
    }

    fn source(&self) -> TensorType {
        TensorType::new(DType::I32, [1, self.places])
    }

    fn begin(&self, words: &Var) -> Result<Beginning> {
        let (Source { annotations, mask, last }, state) = self.network(words.graph())?.read(words, None)?;
        Ok(Beginning { source: vec![annotations, mask, last], states: listed(state) })
    }

    fn step(&self, graph: &Graph, at: &Beginning, words: &Var) -> Result<Step> {
        let network = self.network(graph)?;
        let wrong =
            || Error::shape(Self::NAME, "its states are three of the sentence's and two of each layer, and two of each translation's");
        // Every translation is of the same sentence.
        let copies = |var: &Var| var.expand([&[words.shape()[0]], &var.shape()[1..]].concat());
        let given = at.source.iter().map(copies).collect::<Result<Vec<_>>>()?;
        let [annotations, mask, last] = <[Var; 3]>::try_from(given).map_err(|_| wrong())?;
        let [time, attended, layers @ ..] = &at.states[..] else { return Err(wrong()) };
        let layers = layers.chunks(2).map(|pair| pair.to_vec().try_into().map_err(|_| wrong())).collect::<Result<_>>()?;
        let state = State { layers, attended: attended.clone(), time: time.clone() };
        let previous = network.embedded(words)?;
        let (state, looked) = network.step(&Source { annotations, mask, last }, &state, &previous, None)?;
        let mut logs = network.scores(&state.attended)?.log_softmax(-1)?;
        if self.known_alone {
            logs = known(&logs)?;
        }
        Ok(Step { log_probabilities: logs, states: listed(state), looked })
    }
}

/// Time, x, then h and c of each layer.
fn listed(State { layers, attended, time }: State) -> Vec<Var> {
    [time, attended].into_iter().chain(layers.into_iter().flatten()).collect()
}
