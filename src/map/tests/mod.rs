//! Golden tests by seed, severity tables, omission rules, the guard's proof, filters, and the
//! texts of schema errors.

mod build;
mod emit;
mod errors;
mod examples;
mod filter;
mod golden;
mod guard;
mod guard_reach;
mod schemas;
mod severity;
mod shapes;
