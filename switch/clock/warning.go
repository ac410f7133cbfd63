package clock

import (
	"fmt"
	"time"
)

// SetBack is how far behind the clock must be for an alarm: no time server steps it so far in good order.
const SetBack = time.Minute

// InDoubt is what a clock in doubt keeps from happening.
const InDoubt = "no key is swept, nothing expires and no date is closed on schedule"

// Advice is what a person does about a clock in doubt or set back.
const Advice = "set it right, or if it is confirm it with switchctl clock confirm"

// Warning is what is wrong with the clock and what to do, or "".
func (st *Status) Warning() string {
	switch {
	case st.Doubt != Confirmed:
		return fmt.Sprintf("the clock shows %s and is %s: "+InDoubt+"; %s",
			st.Wall.Format(time.RFC3339), st.Doubt, Advice)
	case st.Behind > SetBack:
		return fmt.Sprintf("the clock shows %s, %s behind the latest time that it has shown: %s",
			st.Wall.Format(time.RFC3339), st.Behind.Round(time.Second), Advice)
	}
	return ""
}
