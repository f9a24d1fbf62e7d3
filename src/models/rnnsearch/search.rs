//! How a translator goes from word to word.

use super::RnnSearch;
use super::network::{Annotated, Network, Source};
use crate::array::{DType, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::models::beam::{self, Beginning, Ended, Searched, Step};
use crate::models::layers::Layers;
use crate::models::sentences::known;

impl Searched<'_, RnnSearch> {
    fn network(&self, graph: &Graph) -> Result<Network> {
        Network::new(&mut Layers::load(graph, self.weights), self.sizes)
    }
}

impl beam::Network for Searched<'_, RnnSearch> {
    const NAME: &'static str = "rnnsearch beam";
    const START: i32 = -1;
    const ENDED: Ended = Ended::Leaves;

    fn words(&self) -> usize {
        self.sizes.target
    }

    fn source(&self) -> TensorType {
        TensorType::new(DType::I32, [1, self.places])
    }

    fn begin(&self, words: &Var) -> Result<Beginning> {
        let (source, state) = self.network(words.graph())?.read(words)?;
        let source = match source.annotated {
            Some(Annotated { annotations, projected, mask }) => vec![annotations, projected, mask],
            None => vec![source.last],
        };
        Ok(Beginning { source, states: vec![state] })
    }

    fn step(&self, graph: &Graph, at: &Beginning, words: &Var) -> Result<Step> {
        let network = self.network(graph)?;
        // Every translation is of the same sentence.
        let copies = |var: &Var| var.expand([&[words.shape()[0]], &var.shape()[1..]].concat());
        let given = at.source.iter().map(copies).collect::<Result<Vec<_>>>()?;
        let (source, state) = match (&given[..], &at.states[..]) {
            ([annotations, projected, mask], [state]) => {
                let [annotations, projected, mask] = [annotations, projected, mask].map(Var::clone);
                (Source { annotated: Some(Annotated { annotations, projected, mask }), last: state.clone() }, state)
            }
            ([last], [state]) => (Source { annotated: None, last: last.clone() }, state),
            _ => return Err(Error::shape(Self::NAME, "its states are three or one of the sentence's and one of each translation's")),
        };
        let previous = network.embedded(words)?;
        let step = network.step(&source, state, &previous)?;
        let mut logs = network.scores(state, &previous, &step.context)?.log_softmax(-1)?;
        if self.known_alone {
            logs = known(&logs)?;
        }
        Ok(Step { log_probabilities: logs, states: vec![step.state], looked: step.alpha })
    }
}
