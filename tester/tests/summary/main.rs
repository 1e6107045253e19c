//! The files that tell of all trials, from outside: what is in them, and that they are whole whatever happens.

mod disk;
mod example;
mod json;
mod killed;
mod page;
mod text;
