//! The pages as the server gets them: that they are whole, lead nowhere that is not there, and say what the code does.

mod links;
mod page;
mod pages;
mod search;
