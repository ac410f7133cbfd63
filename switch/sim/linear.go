package sim

import (
	"fmt"
	"math"
	"time"

	"github.com/anishathalye/porcupine"

	"switchyard/internal/pan"
	"switchyard/switch/api"
)

// I3 as a model for porcupine: an idempotency key is unset, used by one request, or burned by a reversal that named it
// before it was used. What every request was told must be what one request after the other would have been told, in an
// order that agrees with when each began and ended. A request whose answer was lost may have taken effect at any time
// after it began, or never.

// keyState is a state of a key.
type keyState struct {
	is   keyIs
	body string // of the request that used it
	op   string // the operation that it made, "" while nobody has been told
}

type keyIs uint8

const (
	keyUnset keyIs = iota
	keyUsed
	keyBurned
)

// keyInput is a request as the model sees it.
type keyInput struct {
	does keyDoes
	body string
}

type keyDoes uint8

const (
	doesUse  keyDoes = iota // a request under the key
	doesBurn                // a reversal that names the key
	doesAsk                 // status by the key
)

// keyOutput is what became of it.
type keyOutput struct {
	got  keyGot
	op   string
	text string
}

type keyGot uint8

const (
	gotLost     keyGot = iota // no answer
	gotLater                  // refused for now, nothing done: busy and its like
	gotRefused                // refused for good, nothing done
	gotInvalid                // refused before its key was looked at
	gotConflict               // the key was used otherwise
	gotDone                   // done now
	gotReplay                 // done before
	gotBurned                 // a reversal found nothing, and burned the key that it named and its own
	gotNothing                // a reversal found that what it asks for is under way
)

var keyModel = porcupine.NondeterministicModel{
	Init: func() []any { return []any{keyState{}} },
	Step: func(state, input, output any) []any {
		return stepKey(state.(keyState), input.(keyInput), output.(keyOutput))
	},
	Equal: func(a, b any) bool { return a == b },
	DescribeOperation: func(input, output any) string {
		return fmt.Sprintf("%v: %v", input.(keyInput), output.(keyOutput).text)
	},
}

func stepKey(s keyState, in keyInput, out keyOutput) []any {
	if out.got == gotLater || out.got == gotInvalid {
		return []any{s}
	}
	switch in.does {
	case doesUse:
		return stepUse(s, in, out)
	case doesBurn:
		return stepBurn(s, out)
	}
	switch {
	case out.got == gotLost, out.got == gotRefused && s.is != keyUsed:
		return []any{s}
	case out.got == gotDone && s.is == keyUsed && (s.op == "" || s.op == out.op):
		s.op = out.op
		return []any{s}
	}
	return nil
}

func stepUse(s keyState, in keyInput, out keyOutput) []any {
	same := s.is == keyUsed && s.body == in.body
	switch out.got {
	case gotLost:
		if s.is == keyUnset {
			return []any{s, keyState{keyUsed, in.body, ""}, keyState{is: keyBurned}}
		}
		return []any{s}
	case gotRefused, gotNothing:
		if s.is == keyUnset {
			return []any{s}
		}
	case gotBurned:
		if s.is != keyUsed {
			return []any{keyState{is: keyBurned}}
		}
	case gotConflict:
		if s.is != keyUnset && !same {
			return []any{s}
		}
	case gotDone:
		if s.is == keyUnset {
			return []any{keyState{keyUsed, in.body, out.op}}
		}
	case gotReplay:
		if same && (s.op == "" || s.op == out.op) {
			s.op = out.op
			return []any{s}
		}
	}
	return nil
}

func stepBurn(s keyState, out keyOutput) []any {
	switch out.got {
	case gotLost:
		if s.is == keyUnset {
			return []any{s, keyState{is: keyBurned}}
		}
		return []any{s}
	case gotBurned:
		if s.is != keyUsed {
			return []any{keyState{is: keyBurned}}
		}
	case gotConflict: // over the reversal's own key
		return []any{s}
	default: // the key's payment was found
		if s.is == keyUsed {
			return []any{s}
		}
	}
	return nil
}

// judge makes of a call what the model sees of it.
func judge(c *call, does keyDoes) (keyInput, keyOutput) {
	in := keyInput{does: does}
	if does == doesUse {
		in.body = bodyOf(&c.req.Request)
	}
	a := c.answer
	if a == nil {
		return in, keyOutput{got: gotLost, text: "lost"}
	}
	out := keyOutput{text: answerText(a)}
	switch {
	case !c.by.mayActFor(c.merchant): // whatever came of it: see strangers
		out.got = gotInvalid
	case a.Err != nil && a.Err.Retry():
		out.got = gotLater
	case a.Err != nil && a.Err.Code == api.CodeInvalidField:
		out.got = gotInvalid
	case a.Err != nil && a.Err.Code == api.CodeUnknownPayment && c.req.Payment != "" && c.by.who.name != "":
		out.got = gotInvalid // another gateway's payment, whose keys are none of the caller's: see gatewaysPart.check
	case a.Err != nil && a.Err.Code == api.CodeConflict:
		out.got = gotConflict
	case a.Err != nil:
		out.got = gotRefused
	case a.Payment == "":
		out.got = gotBurned
	case nothingToUndo(c):
		out.got = gotNothing
	default:
		out.got, out.op = gotDone, operationOf(a)
		if a.Replayed {
			out.got = gotReplay
		}
	}
	return in, out
}

// nothingToUndo tells whether a call is a reversal by key that was told that its request is being reversed already: it
// makes no operation and leaves its own key free.
func nothingToUndo(c *call) bool {
	return c.req.OfKey != "" && c.answer.Payment != "" && c.answer.Authorized == 0
}

// bodyOf is a request's body without its id and what it is not told apart by: CVC, track 2, chip data, and the currency
// of a request on a payment, which is the payment's own. The card is masked, as failures are told with it in the logs,
// where no card number may stand; no two of a plan's have the same mask.
func bodyOf(r *api.Request) string {
	currency := r.Currency
	if r.Payment != "" {
		currency = ""
	}
	return fmt.Sprint(r.Op, r.Payment, r.OfKey, r.Amount, r.Final, r.Partial, " ", pan.Mask(r.Card.Number), " ",
		r.Card.Sequence, " ", r.Capture, r.CaptureAfter, " ", r.AuthCode, " ", currency, " ", r.Terminal, " ", r.Entry,
		r.Initiator, " ", r.Reference, " ", r.NetworkID, " ", r.ThreeDS, r.Address)
}

// operationOf names the operation that an answer is about.
func operationOf(a *api.Answer) string { return a.Payment + " STAN " + a.STAN }

// linearizable checks the history of every key.
func (w *world) linearizable() {
	histories := map[string][]porcupine.Operation{}
	add := func(key string, c *call, does keyDoes) {
		in, out := judge(c, does)
		end := c.end
		if end == 0 {
			end = math.MaxInt64
		}
		histories[key] = append(
			histories[key], porcupine.Operation{ClientId: c.actor, Input: in, Call: c.begin, Output: out, Return: end},
		)
	}
	for _, c := range w.history.calls {
		switch {
		case c.req.Key != "" && c.req.Op == api.OpStatus:
			add(c.name(c.req.Key), c, doesAsk)
		case c.req.Key != "":
			add(c.name(c.req.Key), c, doesUse)
		}
		if c.req.OfKey != "" {
			add(c.name(c.req.OfKey), c, doesBurn)
		}
	}
	model := keyModel.ToModel()
	for _, k := range w.history.order {
		key := keyName(k.node, k.merchant, k.key)
		h := histories[key]
		if result := porcupine.CheckOperationsTimeout(model, h, time.Minute); result != porcupine.Ok {
			w.failf("I3 the history of a key is not linearizable", "%s (%s)%s", key, result, historyText(h))
		}
	}
}

func historyText(h []porcupine.Operation) (text string) {
	for _, o := range h {
		text += fmt.Sprintf("\n    %6d to %6d  %v: %s", o.Call, o.Return, o.Input, o.Output.(keyOutput).text)
	}
	return text
}
