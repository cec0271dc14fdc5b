//! What the vocabulary of facts promises to those who store and read them.

mod kinds;
mod old;
mod state;
mod streams;
