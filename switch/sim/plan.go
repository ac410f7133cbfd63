package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// Plan is one run: the workload and the faults. It is drawn from a seed and says everything that is not the order of
// goroutines.
type Plan struct {
	Seed     uint64        // of every choice that is made underway
	Begin    time.Duration // time of day, so that a midnight may fall into the run
	Deadline time.Duration // of the issuer
	SyncMost time.Duration // the longest sync of the journal's log
	Hosts    int           // of the issuer: with two, the second is for when the first has no link
	Shared   bool          // both hosts take requests
	Links    int
	Window   int           // requests in flight a link
	InFlight int           // operations that the switch serves at once
	Queued   int           // advices that it keeps
	StandIn  bool          // the switch approves small amounts by itself while no host is up
	Latency  time.Duration // the issuer answers within this; 0: at once
	Actors   [][]Step
	Faults   []Fault
	Closing  int // the step of the last cutover's files at which the switch crashes; 0: it does not
	Rules    []Rule
	Nodes    int       // switches side by side, in front of the same issuer; actor i is at node i modulo Nodes
	Sections []section // of topics
}

// Step is one thing that an actor asks for. Steps of an actor are about its latest payment.
type Step struct {
	Wait   time.Duration // before it
	Do     Do
	Card   int   // index in cards
	Amount int64 // minor units; 0: all that is left, where the operation allows it
	Copies int   // sent at once under the same key, on connections of their own
	Again  bool  // sent again once it is answered
	Other  bool  // and once more with another body
	Lost   Lost  // what is done where the answer does not come
	Apart  bool  // the next step does not wait for it

	Whose     int   // about the latest payment of the actor so many behind, at the same node; 0: its own
	SharedKey bool  // its key is one that other actors use for other merchants
	Dress     Dress // what else it says
	NotOpened bool  // in the name of a merchant that credits were not opened for

	Capture      string        // an authorization that the switch captures at once
	CaptureAfter time.Duration // an authorization that the switch captures so long after it was made; 0: it does not
}

// Do is what a step asks for.
type Do uint8

// What a step may ask for. The first is what a shrunk plan is made of.
const (
	DoAuthorize Do = iota
	DoSale
	DoVerify
	DoVoice
	DoIncrement
	DoCapture
	DoFinal
	DoReverse
	DoVoid
	DoRefund
	DoStatus
	DoReverseByKey
	DoCredit // of the topic unreferenced
	doCount
)

// doDrawn is how many of these each plan is drawn from; the others are topics'.
const doDrawn = int(DoReverseByKey) + 1

var doNames = [doCount]string{
	"authorize", "sale", "verify", "voice", "increment", "capture", "final", "reverse", "void", "refund", "status",
	"reverse_by_key", "credit",
}

// String returns the step's name.
func (d Do) String() string { return doNames[d] }

func (d Do) creates() bool { return d <= DoVoice || d == DoCredit }

// Lost is what an actor does about a request whose answer did not come.
type Lost uint8

// What an actor may do.
const (
	LostRetry   Lost = iota // send it again with the same key, until it is answered
	LostAsk                 // ask for the status of the key, and go on with what it says
	LostReverse             // reverse by the key
	LostLeave               // nothing
	lostCount
)

// Rule is a rule of the issuer.
type Rule struct {
	Fault       string // a fault of the issuer's, or a response code
	MTI         string // messages that it is for; all if empty
	Percent     int
	After, For  time.Duration
	Delay       time.Duration
	LatencyMost time.Duration // Fault empty: answers take up to this
}

// cards are what actors pay with: mostly good ones.
var cards = []string{
	"4111111111111111", "5555555555554444", "4012888888881881", "4222222222222",
	"4000000000000515", // declines
	"4000000000000101", // approves half
	"4000000000000986", // applies and never answers
	"4000000000000994", // neither
}

const (
	goodCards  = 4
	halfCard   = 5
	silentCard = 7 // never answered, and nothing applied
)

// bits draws a number from 0 up to n, without n, each equally often; rapid's own ranges prefer small numbers, which is
// not what a workload is like. It shrinks towards 0.
func bits(t *rapid.T, n int) int {
	v := 0
	for span := 1; span < 8*n; span *= 2 {
		v *= 2
		if coin.Draw(t, "") {
			v++
		}
	}
	return v % n
}

var coin = rapid.Bool()

// percent is true in so many of a hundred cases; a shrunk plan has it false.
func percent(t *rapid.T, p int) bool { return bits(t, 100) >= 100-p }

func between(t *rapid.T, least, most time.Duration) time.Duration {
	const steps = 1000
	return least + (most-least)*time.Duration(bits(t, steps))/steps
}

// Bounds of a plan.
const (
	maxActors = 6
	maxSteps  = 9
	maxFaults = 5
	maxRules  = 4
	span      = 40 * time.Second // within which the faults begin
)

// DrawPlan draws a plan.
func DrawPlan(t *rapid.T) *Plan {
	p := &Plan{
		Seed:     uint64(bits(t, 1<<30)),
		Deadline: between(t, 2*time.Second, 10*time.Second),
		SyncMost: []time.Duration{
			time.Millisecond, 200 * time.Microsecond, 8 * time.Millisecond, 60 * time.Millisecond,
		}[bits(t, 4)],
		Links: 1 + bits(t, 3), Hosts: 1,
		Window: 64, InFlight: 1024, Queued: 1000,
		Begin: 10 * time.Hour, Nodes: 1,
	}
	if percent(t, 20) {
		p.Begin = 24*time.Hour - between(t, time.Second, time.Minute)
	}
	if percent(t, 15) {
		p.Window, p.InFlight, p.Queued = 1+bits(t, 4), 2+bits(t, 6), 2+bits(t, 6)
	}
	if percent(t, 30) {
		p.Hosts, p.Shared = 2, percent(t, 50)
	}
	p.StandIn = percent(t, 20)
	if percent(t, 20) {
		p.Closing = 1 + bits(t, 14)
	}
	if percent(t, 35) {
		p.Latency = []time.Duration{20 * time.Millisecond, 500 * time.Millisecond, 4 * time.Second}[bits(t, 3)]
	}
	p.Actors = rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(drawStep), 1, maxSteps), 1, maxActors).Draw(t, "actors")
	p.Faults = rapid.SliceOfN(rapid.Custom(drawFault), 0, maxFaults).Draw(t, "faults")
	p.Rules = rapid.SliceOfN(rapid.Custom(drawRule), 0, maxRules).Draw(t, "rules")
	for i := range p.Rules {
		if p.Rules[i].Fault == "wrong_amount" {
			p.withoutHalves() // nobody can tell a wrong lower amount from a partial approval
		}
	}
	drawSections(t, p)
	return p
}

// withoutHalves takes the card that is approved for half away.
func (p *Plan) withoutHalves() {
	for _, steps := range p.Actors {
		for i := range steps {
			if steps[i].Card == halfCard {
				steps[i].Card = 0
			}
		}
	}
}

func drawStep(t *rapid.T) Step {
	s := Step{Do: Do(bits(t, doDrawn)), Copies: 1}
	if percent(t, 25) {
		s.Do = DoAuthorize // what others build on
	}
	switch bits(t, 3) {
	case 1:
		s.Wait = between(t, 0, 200*time.Millisecond)
	case 2:
		s.Wait = between(t, 0, 8*time.Second)
	}
	s.Card = bits(t, goodCards)
	if percent(t, 12) {
		s.Card = goodCards + bits(t, len(cards)-goodCards)
	}
	s.Amount = int64(1 + bits(t, 5000))
	if s.Do.creates() {
		s.Amount += 5000
	} else if percent(t, 30) {
		s.Amount = 0
	}
	if percent(t, 20) {
		s.Copies = 2 + bits(t, 2)
	}
	s.Again = percent(t, 25)
	s.Other = percent(t, 8)
	s.Apart = percent(t, 20)
	if percent(t, 40) {
		s.Lost = Lost(bits(t, int(lostCount)))
	}
	return s
}

// ruleRow is what a rule may do.
type ruleRow struct {
	fault string                // a fault of the issuer's, a response code of two characters, or "" for slow answers
	draw  func(*rapid.T, *Rule) // changes what every rule has drawn; nil: nothing
}

// ruleRows are all that rules may do: those of this file, then the topics' by name.
var ruleRows = baseRules

const baseRuleCount = 17

var baseRules = []ruleRow{
	{fault: "no_answer"}, {fault: "late"}, {fault: "duplicate"}, {fault: "swapped"}, {fault: "unsolicited"},
	{fault: "wrong_stan"}, {fault: "wrong_amount"}, {fault: "malformed"}, {fault: "cut"}, {fault: "reset"},
	{fault: "pause"},
	{fault: "refuse_sign_on"}, {fault: "silence_after_accept"}, {fault: "91"}, {fault: "96"},
	{fault: "51", draw: onRequests}, {fault: ""},
}

// addRules announces what rules of a topic may do.
func addRules(rows ...ruleRow) {
	for _, r := range rows {
		at, _ := slices.BinarySearchFunc(ruleRows[baseRuleCount:], r.fault, func(have ruleRow, fault string) int {
			return strings.Compare(have.fault, fault)
		})
		ruleRows = slices.Insert(ruleRows, baseRuleCount+at, r)
	}
}

// onRequests keeps a refusal to authorizations: that of an advice is for good and waits for a person.
func onRequests(_ *rapid.T, r *Rule) {
	if r.MTI == "" || r.MTI[1] != '1' {
		r.MTI = "0100"
	}
}

func drawRule(t *rapid.T) Rule {
	row := &ruleRows[bits(t, len(ruleRows))]
	r := Rule{
		Fault: row.fault, MTI: []string{"", "0100", "0200", "0220", "0400", "0420"}[bits(t, 6)],
		Percent: []int{10, 30, 60, 100}[bits(t, 4)], For: between(t, time.Second, 60*time.Second),
		Delay: between(t, time.Millisecond, 20*time.Second), LatencyMost: between(t, 2*time.Millisecond, 15*time.Second),
	}
	if percent(t, 40) {
		r.After = between(t, 0, span)
	}
	if row.draw != nil {
		row.draw(t, &r)
	}
	return r
}

// yaml is the rule as the issuer reads it.
func (r *Rule) yaml() string {
	var b strings.Builder
	when := fmt.Sprintf("after: %s, until: %s", r.After, r.After+r.For)
	if r.MTI != "" && r.Fault != "refuse_sign_on" && r.Fault != "silence_after_accept" {
		mtis := fmt.Sprintf("%q", r.MTI)
		if r.MTI[1] != '1' && r.MTI[2] == '2' { // an advice has repeats
			mtis += fmt.Sprintf(", %q", r.MTI[:3]+"1")
		}
		when += ", mti: [" + mtis + "]"
	}
	fmt.Fprintf(&b, "  - when: {%s}\n    probability: %g\n", when, float64(r.Percent)/100)
	switch {
	case r.Fault == "":
		fmt.Fprintf(&b, "    latency: {distribution: uniform, min: 100us, max: %s}\n", r.LatencyMost)
	case len(r.Fault) == 2:
		fmt.Fprintf(&b, "    response_code: %q\n", r.Fault)
	default:
		fmt.Fprintf(&b, "    fault: {kind: %s, delay: %s}\n", r.Fault, r.Delay)
	}
	return b.String()
}

// String is the plan as a person reads it.
func (p *Plan) String() string {
	var b strings.Builder
	if p.Nodes > 1 {
		fmt.Fprintf(&b, "%d nodes, ", p.Nodes)
	}
	fmt.Fprintf(
		&b,
		"begins at %s, issuer's deadline %s, latency up to %s, syncs up to %s, %d hosts (shared %t), %d links with "+
			"windows of %d, %d in flight, %d queued, stand-in %t, choices %d\n",
		p.Begin, p.Deadline, p.Latency, p.SyncMost, p.Hosts, p.Shared, p.Links, p.Window, p.InFlight, p.Queued, p.StandIn,
		p.Seed)
	for i, steps := range p.Actors {
		for j := range steps {
			fmt.Fprintf(&b, "actor %d step %d: %s\n", i, j, steps[j].text())
		}
	}
	if p.Closing > 0 {
		fmt.Fprintf(&b, "crash at step %d of the last cutover's files\n", p.Closing)
	}
	for i := range p.Faults {
		b.WriteString(p.Faults[i].text() + "\n")
	}
	for _, s := range p.Sections {
		b.WriteString(s.String() + "\n")
	}
	for i := range p.Rules {
		b.WriteString("rule:\n" + p.Rules[i].yaml())
	}
	return b.String()
}

func (s *Step) text() string {
	t := fmt.Sprintf("after %s %s %d with card %d", s.Wait, s.Do, s.Amount, s.Card)
	if s.Copies > 1 {
		t += fmt.Sprintf(", %d at once", s.Copies)
	}
	if s.Whose > 0 {
		t += fmt.Sprintf(", about the payment of the actor %d behind", s.Whose)
	}
	if s.Dress != (Dress{}) {
		t += ", " + s.Dress.text()
	}
	if s.Capture != "" {
		t += ", captured by the switch: " + s.Capture
	}
	if s.CaptureAfter != 0 {
		t += fmt.Sprintf(", captured by the switch after %s", s.CaptureAfter)
	}
	for _, x := range []struct {
		is   bool
		text string
	}{
		{s.Again, "again"}, {s.Other, "then another body"}, {s.Apart, "not waited for"},
		{s.SharedKey, "under a key of others"}, {s.NotOpened, "for a merchant that may not"},
		{s.Lost == LostAsk, "if lost ask"}, {s.Lost == LostReverse, "if lost reverse by key"},
		{s.Lost == LostLeave, "if lost leave"},
	} {
		if x.is {
			t += ", " + x.text
		}
	}
	return t
}
