//! Golden tests by seed, severity tables, omission rules, the guard's proof, filters, and the
//! texts of schema errors.

mod build;
mod examples;
