package operator

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"switchyard/switch/payment"
)

// An issuer that frames or packs otherwise than is configured answers, and the payment is as one that was never
// answered. The log of strays has what of it could not be read, by issuer and time: a story tells what came while it
// waited.

// mostUnread is how many kinds of frames that could not be read a story tells of an operation.
const mostUnread = 5

// unread are frames of one kind that could not be read.
type unread struct {
	why   string
	links []string
	first Stray
	last  time.Time
	count int
}

// unreadEvents tells which frames of the issuer could not be read while an operation waited for the answer that it did
// not get, until now if it still waits.
func unreadEvents(op *payment.Op, now time.Time, strays []Stray, add teller) {
	until := op.DoneAt
	switch op.State {
	case payment.StatePending, payment.StateQueued:
		until = now
	case payment.StateUnknown:
		if op.ResponseCode != "" {
			return // answered
		}
	default:
		return
	}
	kinds := unreadKinds(op, until, strays)
	for i, k := range kinds {
		if i == mostUnread {
			add(at(k.first.At), "unread", "", "frames could not be read for other reasons, too: the log of strays has them")
			return
		}
		add(at(k.first.At), "unread", "", "%s", k.words(until))
	}
}

// unreadKinds are the frames that could not be read from when an operation was made until then, by why they could not.
func unreadKinds(op *payment.Op, until time.Time, strays []Stray) (kinds []unread) {
	for _, r := range strays {
		from := r.At
		if !r.Since.IsZero() {
			from = r.Since
		}
		if r.Kind != malformed || r.Host != op.Host || r.At.Before(op.At) || from.After(until) {
			continue
		}
		_, why, _ := strings.Cut(r.Malformed, bytesLong)
		i := slices.IndexFunc(kinds, func(k unread) bool { return k.why == why })
		if i < 0 {
			i = len(kinds)
			kinds = append(kinds, unread{why: why, first: r})
		}
		k := &kinds[i]
		k.count, k.last = k.count+1, r.At
		if name := r.Host + "/" + r.Link; !slices.Contains(k.links, name) {
			k.links = append(k.links, name)
		}
	}
	return kinds
}

// words tell of them. What is logged of a flood is not all of it, and which frame would have been whose answer nobody
// knows.
func (k *unread) words(until time.Time) string {
	const clock = "15:04:05.000"
	from := strings.Join(k.links, ", ")
	switch {
	case k.count > 1:
		from += ", the last at " + k.last.UTC().Format(clock) + ","
		return fmt.Sprintf("at least %d frames from %s could not be read, and the answer may be among them: %s",
			k.count, from, k.why)
	case k.first.At.After(until):
		from += ", begun at some time from " + k.first.Since.UTC().Format(clock) + " on,"
	}
	return fmt.Sprintf("1 frame from %s could not be read, and may be the answer: %s", from, k.why)
}
