package txswitch

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"switchyard/switch/flow"
	"switchyard/switch/issuer/link"
)

// DefaultLatestAnswer is how long after a request was sent its answer may still come.
const DefaultLatestAnswer = 5 * time.Minute

// mostLatestAnswer bounds latest_answer.
const mostLatestAnswer = 24 * time.Hour

// stans is how many STANs this node has towards a host.
func (c *Config) stans() int {
	const all = 999_999
	return all / max(len(c.Nodes), 1)
}

// inFlight is how many requests may be in flight to an issuer.
func (x *IssuerConfig) inFlight() int {
	const links, window = 2, 2048 // what 0 stands for
	return cmp.Or(x.Links, links) * cmp.Or(x.Window, window)
}

// deadline is how long an issuer's answer is waited for.
func (x *IssuerConfig) deadline() time.Duration {
	return cmp.Or(time.Duration(x.Deadline), flow.DefaultDeadline)
}

// stanAlone tells whether nothing but the STAN tells an issuer's answer from that to an earlier request of its STAN.
func (x *IssuerConfig) stanAlone() bool {
	echoes, err := link.ParseEchoes(x.Match)
	return err == nil && echoes.STANAlone() // Check says what else is wrong
}

// latestAnswer is how long after a request was sent an issuer's answer may still come, 0 where it does not matter.
func (x *IssuerConfig) latestAnswer() time.Duration {
	if !x.stanAlone() {
		return 0
	}
	return cmp.Or(time.Duration(x.LatestAnswer), DefaultLatestAnswer)
}

// spareSTANs are kept for the reversals of all that is in flight, twice: those that a crash left are made while others
// are in flight.
func (c *Config) spareSTANs() int { return 2 * c.Limits.MaxInFlight }

// checkMatch holds what an issuer's answers are known by to what tells them apart. Where that is the STAN alone, STANs
// are reserved (identity.Reserve), and a host that has fallen silent must not use them up: with all that may be in
// flight sent anew, and reversed, each time that its deadline is over, each STAN must be free again in its turn.
func (c *Config) checkMatch(x *IssuerConfig) error {
	if _, err := link.ParseEchoes(x.Match); err != nil {
		return fmt.Errorf("match: %w", err)
	}
	latest := x.latestAnswer()
	switch {
	case latest == 0 && x.LatestAnswer != 0:
		return errors.New("latest_answer: given, and match has 7 or 37 (it does by default): answers are told apart by it")
	case latest == 0:
		return nil
	case latest <= x.deadline() || latest > mostLatestAnswer:
		return fmt.Errorf("latest_answer: %s: expected more than deadline, %s, and at most %s: match has neither 7 nor 37, "+
			"so a STAN is given again only when the answer to its last use can come no more", latest, x.deadline(),
			mostLatestAnswer)
	}
	inFlight := min(x.inFlight(), c.Limits.MaxInFlight)
	rounds := int((latest + x.deadline() - 1) / x.deadline())
	if needed, most := 2*inFlight*rounds, c.stans()-c.spareSTANs(); needed > most {
		return fmt.Errorf("latest_answer: %s: match has neither 7 nor 37, and %d requests in flight (links × window, "+
			"limits.max_in_flight at most) that are given up after %s, each with its reversal, take %d STANs in that time: "+
			"expected at most %d; a shorter latest_answer, fewer links or a smaller window",
			latest, inFlight, x.deadline(), needed, most)
	}
	return nil
}
