//! Numbers that a claim can be.

/// Numbers from a least to a most one, without some. Between two whole ones there may be others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    least: Option<i64>,
    most: Option<i64>,
    but: Vec<i64>,
}

impl Numbers {
    /// From 0 on.
    pub const NOT_NEGATIVE: Numbers = Numbers { least: Some(0), most: None, but: Vec::new() };

    /// Whole ones below 0.
    pub const NEGATIVE: Numbers = Numbers { least: None, most: Some(-1), but: Vec::new() };

    /// Whole ones other than these.
    pub fn whole_but(these: Vec<i64>) -> Numbers {
        Numbers { least: None, most: None, but: these }
    }

    /// Whether this one is certainly not among them.
    pub fn lack(&self, number: i64) -> bool {
        self.least.is_some_and(|least| number < least)
            || self.most.is_some_and(|most| number > most)
            || self.but.contains(&number)
    }

    /// Whether none of them is written so in JSON.
    pub fn lack_text(&self, text: &str) -> bool {
        let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        let whole = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
        !is_number || whole.is_some_and(|number| self.lack(number))
    }

    /// Whether each of them is less than this one; `None`: some, or it isn't known.
    pub fn are_below(&self, number: i64) -> Option<bool> {
        if self.most.is_some_and(|most| most < number) {
            Some(true)
        } else if self.least.is_some_and(|least| least >= number) {
            Some(false)
        } else {
            None
        }
    }

    /// Whether each of them is greater than this one; `None`: some, or it isn't known.
    pub fn are_above(&self, number: i64) -> Option<bool> {
        if self.least.is_some_and(|least| least > number) {
            Some(true)
        } else if self.most.is_some_and(|most| most <= number) {
            Some(false)
        } else {
            None
        }
    }

    /// How many numbers it names.
    pub fn count(&self) -> usize {
        self.but.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_compared_where_all_of_them_compare_the_same() {
        let (negative, other) = (Numbers::NEGATIVE, Numbers::NOT_NEGATIVE);
        assert_eq!((negative.lack(-1), negative.lack(0), other.lack(-1), other.lack(0)), (false, true, true, false));
        assert_eq!([-1, 0, 1].map(|it| negative.are_below(it)), [None, Some(true), Some(true)]);
        assert_eq!([-1, 0, 1].map(|it| other.are_below(it)), [Some(false), Some(false), None]);
        assert_eq!([-2, -1, 0].map(|it| negative.are_above(it)), [None, Some(false), Some(false)]);
        assert_eq!([-1, 0, 1].map(|it| other.are_above(it)), [Some(true), None, None]);
        let but = Numbers::whole_but(vec![2]);
        assert_eq!((but.lack(2), but.lack(3), but.are_below(2)), (true, false, None));
    }

    #[test]
    fn a_text_is_none_of_the_numbers_only_where_it_is_written_as_another_one() {
        assert!(Numbers::NOT_NEGATIVE.lack_text("-1") && Numbers::NOT_NEGATIVE.lack_text("x"));
        assert!(Numbers::NOT_NEGATIVE.lack_text("") && Numbers::NOT_NEGATIVE.lack_text("+1"));
        for text in ["0", "5", "0.5", "1e3", "-1.0", "-0", "01"] {
            assert!(!Numbers::NOT_NEGATIVE.lack_text(text), "{text}");
        }
        assert!(Numbers::whole_but(vec![2]).lack_text("2") && !Numbers::whole_but(vec![2]).lack_text("2.0"));
    }
}
