//! Against a real PostgreSQL: what is stored, what is not, and what others see of it meanwhile.

mod contributions;
mod imports;
mod ledger;
mod lineage;
mod outbox;
mod pool;
mod repo;
mod roots;
mod schema;
mod trade;
