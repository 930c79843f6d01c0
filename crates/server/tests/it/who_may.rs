//! Who may do what: every route of the server, by everybody there is, against one table.
//!
//! The routes are those that the running server names in its log, so a new one without a recipe fails here. The table is the
//! snapshot: each line a request, each column somebody, each cell the status of the answer. To another team's things the
//! answer must be, to the letter, the one to things that are not there.

mod ground;
mod recipes;
mod somebody;
mod things;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ground::Ground;
use recipes::{NAMING, Recipe, recipes};
use somebody::Somebody;
use things::Things;

/// Whoever asks for a team's things without reaching any of them is told what they would be of things that are not there.
fn tells_nothing(ground: &Ground, recipe: &Recipe, somebody: Somebody) {
    if !recipe.ids().is_empty() {
        let shared = |_| ground.shared();
        compare((ground, recipe, somebody), &shared, [&Things::clone, &Things::absent]);
    }
}

/// So is whoever names one of another's things beside their own.
fn tells_nothing_of(ground: &Ground, recipe: &Recipe, somebody: Somebody, others: &Things) {
    let absent = others.absent();
    // What changes their own may not do so twice, and what lists all of it is the same for the same things only.
    let own = |tries| if tries % 2 == 0 { ground.shared() } else { ground.things_for(recipe) };
    for name in recipe.ids() {
        if ground.shared().of(name) != others.of(name) {
            let theirs = |own: &Things| own.with(name, others);
            let nobodys = |own: &Things| own.with(name, &absent);
            compare((ground, recipe, somebody), &own, [&theirs, &nobodys]);
        }
    }
}

/// What of somebody's own things a request is made about.
type Sent<'a> = &'a dyn Fn(&Things) -> Things;

fn compare(
    (ground, recipe, somebody): (&Ground, &Recipe, Somebody),
    own: &dyn Fn(usize) -> Things,
    sent: [Sent<'_>; 2],
) {
    // Answers tell of what else goes on, too, and of the time: a real difference is there each time. Whether anything came
    // of a request is asked at the end.
    let mut answers = [String::new(), String::new()];
    for tries in 0..5 {
        answers = sent.map(|sent| {
            let own = own(tries);
            ground.send_about(recipe, somebody, (&own, &sent(&own))).comparable()
        });
        if answers[0] == answers[1] {
            return;
        }
    }
    let [real, none] = &answers;
    let same = real.chars().zip(none.chars()).take_while(|(real, none)| real == none).count();
    let shown = answers.map(|text| text.chars().skip(same.saturating_sub(100)).take(400).collect::<String>());
    let (path, body) = (recipe.path(&sent[0](&own(0))), recipe.body(&sent[0](&own(0))));
    panic!("{somebody:?} can tell that it is there: {} {path} {body}: {shown:#?}", recipe.method);
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
}

/// Who sends these to whom is in the table; here it is what another team's things, or another program's, look like to them.
#[test]
fn what_is_out_of_reach_is_to_the_letter_as_what_is_not_there() {
    let ground = Ground::new();
    let all: Vec<Recipe> = recipes().into_iter().chain(NAMING.iter().copied()).collect();
    let (over_rest, in_browsers): (Vec<_>, Vec<_>) = all.into_iter().partition(Recipe::is_rest);
    let (embedded, in_browsers): (Vec<_>, Vec<_>) = in_browsers.into_iter().partition(Recipe::is_embedded);
    let (other_team, other_program) = (ground.of_other_team(), ground.of_other_program());
    let before = [&other_team, &other_program].map(|things| ground.standing(things));
    for recipe in &over_rest {
        tells_nothing(&ground, recipe, Somebody::ForeignKey);
        tells_nothing(&ground, recipe, Somebody::ForeignTeamsKey);
        // Its own team is no secret to it.
        if recipe.ids().contains(&"program") {
            tells_nothing(&ground, recipe, Somebody::OtherProgramsKey);
        }
        tells_nothing_of(&ground, recipe, Somebody::AdminKey, &other_team);
        for others in [&other_team, &other_program] {
            tells_nothing_of(&ground, recipe, Somebody::ProgramsKey, others);
        }
    }
    for recipe in &in_browsers {
        tells_nothing(&ground, recipe, Somebody::Nobody);
        tells_nothing(&ground, recipe, Somebody::Stranger);
        tells_nothing(&ground, recipe, Somebody::Link);
        tells_nothing_of(&ground, recipe, Somebody::Owner, &other_team);
    }
    for recipe in &embedded {
        tells_nothing(&ground, recipe, Somebody::OtherLink);
        for others in [&other_team, &other_program] {
            tells_nothing_of(&ground, recipe, Somebody::Link, others);
        }
    }
    assert_eq!(
        before,
        [&other_team, &other_program].map(|things| ground.standing(things)),
        "nothing came of it"
    );
}
