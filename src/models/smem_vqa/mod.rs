//! SMem-VQA: a question about a photo is answered by looking, at first where its words say, then where what was seen says.
//!
//! ```text
//! S (L, M)   a photo's places                     V (T, N)   the vectors of the question's words, zeros behind its end
//!
//! C  = V (S Wa + ba)^T          Watt  = softmax over places of (max over words of C)
//! O1 = Watt (S We + be) + Q     Q     = sum over t of wq[t] V[t] + bq
//! one hop:     P = softmax(Wp relu(O1) + b)
//! two hops:    Watt2 = softmax over places of ((S We + be) O1)        O2 = O1 + Watt2 (S We2 + be2)
//!              P = softmax(Wp relu(O2) + b)
//! no hop:      P = softmax(Wp (mean over places of (S We + be) + Q) + b)
//! ```
//!
//! Every word of the question votes for places; those of the loudest votes are looked at: what is there, with the question, chooses the
//! places of the second look. ba, be and be2 have a row for each place, so that where a place lies counts, and a network is for one grid.
//! The slots behind a question's end vote 0 everywhere, as published. [`Guide::Question`] is the paper's other network, in which the
//! whole question, Q, votes alone. No hop is what the paper compares with: the mean of all places and a bag of words, added up (Zhou et al.,
//! Simple Baseline for Visual Question Answering, 2015).
//!
//! Source: Xu, Saenko, Ask, Attend and Answer: Exploring Question-Guided Spatial Attention for Visual Question Answering (ECCV 2016, arXiv
//! 1511.05234), and its code: 25 slots, vectors of 1000 numbers, 7477 words, 1031 answers, dropout of 0.4 on S and before Wp. The published
//! network sees with [`GoogLeNet`](super::googlenet::GoogLeNet). No weights are at hand; names are this crate's.
//!
//! | file | what is in it |
//! |---|---|
//! | `network` | [`SmemVqa`]: how large a network is; [`Network`]: the formulas |
//! | `examples` | pictures with questions to learn from; how right an answer is |
//! | `questions` | [`Questions`] about photos, of files: VQA's, or lines of text |
//! | `answerer` | [`Answerer`]: a photo and a question in, answers out, and where was looked for them |

mod answerer;
pub(in crate::models) mod examples;
mod network;
mod questions;

pub use answerer::{Answer, Answerer, metadata};
pub use examples::{KINDS, NONE, OTHER, accuracy};
pub use network::{Asked, Guide, Network, SmemVqa};
pub use questions::{AskedPhotos, Questions};
