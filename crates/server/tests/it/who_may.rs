//! Who may do what: every route of the server, by everybody there is, against one table.
//!
//! The routes are those that the running server names in its log, so a new one without a recipe fails here. The table is the
//! snapshot: each line a request, each column somebody, each cell the status of the answer. To another team's things the
//! answer must be, to the letter, the one to things that are not there.

mod ground;
mod recipes;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ground::{Ground, Somebody};
use recipes::{Recipe, recipes};

/// What a request to somebody else's program leads to, compared with one to a program that is not there.
fn tells_nothing(ground: &Ground, recipe: &Recipe, somebody: Somebody) {
    let names = |text: &str| ["{id}", "{team}"].iter().any(|name| text.contains(name));
    if !names(recipe.path) {
        return;
    }
    let real = ground.send(recipe, somebody);
    let none = ground.send_to_nowhere(recipe, somebody);
    assert_eq!(
        (real.status, real.comparable(ground)),
        (none.status, none.comparable(ground)),
        "{somebody:?} can tell that it is there: {}",
        recipe.name()
    );
}

fn routes_without_recipe(ground: &Ground, recipes: &[Recipe]) -> Vec<String> {
    let known: BTreeSet<String> = recipes.iter().map(Recipe::route).collect();
    ground.routes().into_iter().filter(|route| !known.contains(route)).collect()
}

fn table(ground: &Ground, recipes: &[Recipe], columns: &[Somebody]) -> String {
    let mut table = String::new();
    let width = recipes.iter().map(|recipe| recipe.name().len()).max().unwrap_or_default();
    let names: Vec<&str> = columns.iter().map(|somebody| somebody.name()).collect();
    let _ = writeln!(table, "{:width$}  {}", "", names.join("  "));
    for recipe in recipes {
        let _ = write!(table, "{:width$}", recipe.name());
        for (somebody, name) in columns.iter().zip(&names) {
            let status = ground.send(recipe, *somebody).status;
            let _ = write!(table, "  {status:<length$}", length = name.len());
        }
        let end = table.trim_end().len();
        table.truncate(end);
        table.push('\n');
    }
    table
}

#[test]
fn everybody_may_do_what_the_table_says_and_nothing_else() {
    let ground = Ground::new();
    let all = recipes();
    assert_eq!(routes_without_recipe(&ground, &all), Vec::<String>::new(), "routes that nobody thought of");
    let (over_rest, in_browsers): (Vec<_>, Vec<_>) = all.into_iter().partition(Recipe::is_rest);
    insta::assert_snapshot!("rest", table(&ground, &over_rest, &Somebody::OVER_REST));
    let (embedded, in_browsers): (Vec<_>, Vec<_>) = in_browsers.into_iter().partition(Recipe::is_embedded);
    insta::assert_snapshot!("pages", table(&ground, &in_browsers, &Somebody::IN_BROWSERS));
    insta::assert_snapshot!("embedded", table(&ground, &embedded, &Somebody::IN_FRAMES));
    for recipe in &over_rest {
        tells_nothing(&ground, recipe, Somebody::ForeignKey);
        // Its own team is no secret to it.
        if recipe.path.contains("{id}") {
            tells_nothing(&ground, recipe, Somebody::OtherProgramsKey);
        }
    }
    for recipe in &in_browsers {
        tells_nothing(&ground, recipe, Somebody::Stranger);
        tells_nothing(&ground, recipe, Somebody::Link);
    }
    for recipe in &embedded {
        tells_nothing(&ground, recipe, Somebody::OtherLink);
    }
}
