package main

import (
	"io"

	"github.com/spf13/cobra"

	"switchyard/internal/completion"
	"switchyard/internal/paint"
)

// colorFlag is the flag of all commands that says when there are colours.
const colorFlag = "color"

func addColorFlag(root *cobra.Command) {
	when := paint.Auto
	root.PersistentFlags().Var(&when, colorFlag,
		"colours: auto (on a terminal, unless NO_COLOR is set or TERM is dumb), always or never; none in JSON")
	completion.Flag(root, colorFlag, paint.Whens()...)
}

// coloured tells whether what a command writes to w is to have colours.
func coloured(cmd *cobra.Command, w io.Writer) bool {
	when := paint.Auto // of a command without its root, as tests run it
	if f := cmd.Root().PersistentFlags().Lookup(colorFlag); f != nil {
		when = paint.When(f.Value.String())
	}
	return when.On(isTerminal(w))
}

// painted has a command print its result, with the colours that rules give it. JSON has none.
func painted(cmd *cobra.Command, asJSON bool, rules paint.Rules, print func(io.Writer) error) error {
	out := cmd.OutOrStdout()
	if asJSON || !coloured(cmd, out) {
		rules = nil
	}
	return rules.Through(out, print)
}

// What payments stand at, by how well that is. Those that were undone on purpose have no colour.
const (
	wellOff   = `authorized|captured|partially_captured|verified|credited|approved`
	notYet    = `pending|reversing|queued|unknown|parked|expired`
	badlyOff  = `declined|failed|charged_back`
	ofHistory = `^    \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  \S+ +`
	ofCard    = `^P[0-9A-Z]{11}  .*  \d{6}\*+\d{4}  +`
)

// errorRules are those of what a command says of its own failure.
var errorRules = paint.Rules{paint.Find(`^(switchctl:)`, paint.Red)}

// answerRules are those of answers of the gateway port.
var answerRules = paint.Rules{
	paint.Find(`^(approved): `, paint.Green),
	paint.Find(`^(no outcome[^:]*): `, paint.Yellow),
	paint.Find(`^(declined|failed, nothing was sent|refused): `, paint.Red),
	paint.Find(`^  status         (?:(`+wellOff+`)|(`+notYet+`)|(`+badlyOff+`))$`, paint.Green, paint.Yellow, paint.Red),
	paint.Find(ofHistory+`(?:(`+wellOff+`)|(`+notYet+`)|(`+badlyOff+`))\b`, paint.Green, paint.Yellow, paint.Red),
}

// paymentsRules are those of the list of payments.
var paymentsRules = paint.Rules{
	paint.Find(ofCard+`(?:(`+wellOff+`)|(`+notYet+`)|(`+badlyOff+`))\b`, paint.Green, paint.Yellow, paint.Red),
}

// topRules are those of what a switch does.
var topRules = paint.Rules{
	paint.Find(`^switch .*, (?:(ready)|(NOT READY: .*))$`, paint.Green, paint.Red),
	paint.Find(`^clock +(.*)$`, paint.Yellow),
	paint.Find(`^queue .* ([1-9]\d* parked)`, paint.Yellow),
	paint.Find(`^(no answer: .*)$`, paint.Red),
	paint.Find(`^\S+/\S+ +(?:(up)|(signing_on|draining)|(down)) `, paint.Green, paint.Yellow, paint.Red),
}

// clockRules are those of a switch's clock.
var clockRules = paint.Rules{paint.Find(`^(warning: .*)$`, paint.Yellow)}

// auditRules are those of an audit: rows of differences begin with their kind, and others with a payment.
var auditRules = paint.Rules{
	paint.Find(`^(no differences)$`, paint.Green),
	paint.Find(`^(differences: .*)$`, paint.Red),
	paint.Find(`(ledger NOT balanced)$`, paint.Red),
	paint.Find(`^  ([a-z][a-z_]*)  `, paint.Red),
}

// isoDiffRules and clearingDiffRules are those of two things compared: what A has, and what B has.
var (
	isoDiffRules      = paint.Rules{paint.Find(`^frame \d+: (?:\d{3} .*?: )?(.*?) \| (.*)$`, paint.Red, paint.Green)}
	clearingDiffRules = paint.Rules{
		paint.Find(`^(only in A, .*)$`, paint.Red),
		paint.Find(`^(only in B, .*)$`, paint.Green),
		paint.Find(`^(records \d+ and \d+ differ): `, paint.Yellow),
		paint.Find(`^  .{36} (.*?) \| (.*)$`, paint.Red, paint.Green),
	}
)

// loadRules are those of a load's verdict.
var loadRules = paint.Rules{
	paint.Find(`^(?:valid|passed) +(?:(yes)|(NO\b.*))$`, paint.Green, paint.Red),
	paint.Find(`^ +(?:(ok)  |(FAIL)) `, paint.Green, paint.Red),
}
