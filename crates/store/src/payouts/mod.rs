//! From income to payouts: pots, their distributions, the roots that commit to what everybody was paid, and the books over all of it.

pub mod books;
pub mod pots;
pub mod roots;
