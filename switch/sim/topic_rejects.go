package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	issuersim "switchyard/issuer-sim"
	txswitch "switchyard/switch"
	"switchyard/switch/clearing"
	"switchyard/switch/incoming"
	"switchyard/switch/operator/client"
)

// The clearing system rejects presentments and charges some back, by rules of its own, and ends its window now and
// then. What it answers comes back between crashes, some of them within the taking of a file, and somebody decides
// about what was rejected: it is put right and presented again, or written off.
//
// Nobody takes anything back in these plans: a reversal of what the issuer has charged back, or never took, is refused
// for good, and is for people. Nor is the journal put back, which forgets what was decided.

func init() { addTopic(topic{name: "rejects", since: 21, draw: drawRejects}) }

const rejectsPercent = 80

func drawRejects(t *rapid.T, p *Plan) section {
	_, answered := sectionOf[incomingSection](p)
	if !answered || !percent(t, rejectsPercent) {
		return nil
	}
	for _, s := range p.Sections {
		switch s := s.(type) {
		case restoreSection, forgetSection:
			return nil
		case *clearingSection:
			if s.Voids {
				return nil
			}
		}
	}
	for _, steps := range p.Actors {
		for i := range steps {
			switch s := &steps[i]; s.Do {
			case DoVoid:
				s.Do = DoRefund
			case DoReverse, DoReverseByKey:
				s.Do = DoStatus
			default:
			}
			if steps[i].Lost == LostReverse {
				steps[i].Lost = LostRetry
			}
		}
	}
	return rejectsSection{
		Reject: []int{0, 20, 50}[bits(t, 3)], ChargeBack: []int{20, 60}[bits(t, 2)], Part: []int{100, 40}[bits(t, 2)],
		Crashes: 2 * bits(t, 4), Every: between(t, 100*time.Millisecond, 10*time.Second),
	}
}

// rejectsSection says what the clearing system does of a hundred presentments, and how often the switch crashes in a
// sync of the journal's when it is given a file.
type rejectsSection struct {
	Reject, ChargeBack int
	Part               int // percent of the amount that is charged back
	Crashes            int
	Every              time.Duration // between two looks of whoever decides
}

// String implements section.
func (s rejectsSection) String() string {
	return fmt.Sprintf("of presentments %d %% are rejected and %d %% charged back, by %d %% of the amount; "+
		"%d crashes as files are taken that came back; rejects are looked at every %s",
		s.Reject, s.ChargeBack, s.Part, s.Crashes, s.Every)
}

// ruledCode is what the rule that rejects says in PDS0005.
const ruledCode = "0999"

// rules implements hosts. It begins another list of the rules' file, so that this topic's rules stand last.
func (s rejectsSection) rules(calm bool) string {
	if calm {
		return ""
	}
	return fmt.Sprintf("clearing:\n  - probability: %g\n    reject: {element: 26, code: %q}\n"+
		"  - probability: %g\n    chargeback: {reason: \"4853\", percent: %d}\n",
		float64(s.Reject)/100, ruledCode, float64(s.ChargeBack)/100, s.Part)
}

func (s rejectsSection) begin(w *world) any {
	return &rejectsPart{rejectsSection: s, w: w, left: s.Crashes}
}

type rejectsPart struct {
	rejectsSection
	w     *world
	given uint64 // files, the same one again and again

	mu   sync.Mutex
	left int // crashes
}

// configure implements configures: a switch takes no files of the other mode, and the issuer's money would be another.
func (s *rejectsPart) configure(_ *switchNode, _ int, o *txswitch.Options) {
	o.Config.Clearing.Production = false
}

// equip implements equips: some clearing systems end windows by the clock, too, with each minute about midnight, when
// most plans begin. Theirs is ahead, so that some minutes end while the plan is played.
func (s *rejectsPart) equip(o *issuersim.Options) {
	if !s.w.chance.oneIn(2, "windows by the clock", 0) {
		return
	}
	ahead := s.w.chance.delay(0, time.Minute, "clock of the clearing system", 0)
	o.Clearing.Now = func() time.Time { return time.Now().Add(ahead) }
	const minutes = 25 // on both sides: with windows that are ended by command, fewer than a date may have
	for minute := range minutes {
		o.Clearing.Windows = append(o.Clearing.Windows, fmt.Sprintf("00:%02d", minute), fmt.Sprintf("23:%02d", 59-minute))
	}
}

// play implements plays.
func (s *rejectsPart) play() {
	for {
		every := s.Every
		if s.w.awake.Load() <= 0 {
			every = max(every, restful)
		}
		select {
		case <-time.After(every):
		case <-s.w.acted:
			return
		}
		s.look()
	}
}

// look ends the window, and decides about some rejects.
func (s *rejectsPart) look() {
	_ = s.endWindow() // the issuer may be down
	_ = s.decide(false)
}

// endWindow has the clearing system tell what it has charged back.
func (s *rejectsPart) endWindow() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return s.w.control(ctx, "POST", "/v1/clearing/window", nil, nil)
}

// crashes lets the switch crash in one of the syncs in which it takes a file: it is known, its records are booked one
// by one, and how far it has got is written, again and again. Of files without chargebacks every other one is spared.
// over ends that.
func (s *rejectsPart) crashes(text []byte) (over func()) {
	s.given++
	if chargesBack(text) {
		return s.strike(2 + s.w.chance.below(4, "sync", s.given)) // it is known by then
	}
	if s.w.chance.oneIn(2, "spared", s.given) {
		return func() {}
	}
	return s.strike(1 + s.w.chance.below(6, "sync", s.given))
}

// chargesBack tells whether a file has chargebacks.
func chargesBack(text []byte) bool {
	in, err := clearing.NewReader(bytes.NewReader(text))
	for err == nil {
		var r *clearing.Record
		if r, err = in.Next(); err == nil && r.MTI == "1442" {
			return true
		}
	}
	return false
}

// strike lets the switch crash in the nth sync of its journal from now on, if the plan has crashes left. over ends
// that.
func (s *rejectsPart) strike(nth int) (over func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == 0 {
		return func() {}
	}
	disarm := s.w.arm(&Fault{Kind: CrashInSync, For: time.Second, Keeps: []int{0, 50, 100}[s.left%3]}, nth)
	s.left--
	return func() {
		if !disarm() { // it did not come to that
			s.mu.Lock()
			s.left++
			s.mu.Unlock()
		}
	}
}

// overCrashes does something in quiet times until it is done, and all switches run: the plan may have crashes left for
// it, the last of them just behind its answer.
func (w *world) overCrashes(do func() error) error {
	tries := 1
	for _, rejects := range partsOf[*rejectsPart](w) {
		tries += rejects.Crashes
	}
	for {
		err := do()
		if err == nil && !slices.ContainsFunc(w.nodes, func(n *switchNode) bool { return n.running() == nil }) {
			return nil
		}
		if tries--; tries == 0 || !w.quiet() || err == nil {
			return err
		}
	}
}

// decide decides about what was rejected: about all of it, or now and then.
func (s *rejectsPart) decide(all bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	api := s.w.nodes[0].api()
	var waiting []string
	err := api.EachReject(ctx, false, func(r *incoming.Reject) error {
		waiting = append(waiting, r.ID)
		return nil
	})
	if err != nil {
		return err
	}
	for n, id := range waiting {
		about := s.w.plan.Seed + uint64(len(id)*n)
		if !all && s.w.chance.oneIn(3, "decided later", about) {
			continue
		}
		if s.w.chance.oneIn(4, "written off", about) {
			err = s.w.nodes[0].decides(func(api *client.Client) error {
				_, err := api.WriteOffReject(ctx, id, "nobody knows why")
				return err
			})
		} else {
			_, err = api.FixReject(ctx, id, map[string]string{"city": "Berlin"})
			if err == nil {
				_, err = api.ResubmitReject(ctx, id)
			}
		}
		if why, refused := client.Refused(err); refused && strings.Contains(why, " and not rejected") {
			err = nil // it was decided, and the answer was lost
		}
		if err != nil {
			return err
		}
		s.w.faults.add("rejected presentment decided about", 1)
	}
	return nil
}

// conclude implements concludes: all that the clearing system has to tell comes back, and all is decided.
func (s *rejectsPart) conclude() {
	for _, refused := range partsOf[*refusedPart](s.w) {
		if err := refused.all(); err != nil {
			s.w.failf("a clearing file whose sum is wrong is not refused in quiet times", "%v", err)
			return
		}
	}
	if err := s.endWindow(); err != nil {
		s.w.failf("the clearing system does not end its window", "%v", err)
		return
	}
	for _, answers := range partsOf[*incomingPart](s.w) {
		answers.conclude()
	}
	if err := s.decide(true); err != nil {
		s.w.failf("a rejected presentment cannot be decided about in quiet times", "%v", err)
	}
	s.unexpected()
}

// refusedForItsID is how the clearing system's reason begins (PDS0005) where it refuses a file whose id it knows: the
// file id (PDS0105) is a duplicate.
const refusedForItsID = "P0105/0507"

// unexpected holds what a person has to look at against what may come of these plans: chargebacks of more than the
// cardholder is still owed, what is taken back, what the clearing system asks for, and refusals of what was delivered
// again.
func (s *rejectsPart) unexpected() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	disputes, of := partsOf[*disputesPart](s.w), map[string]int{} // exceptions, by file id and by message
	again := 0
	err := s.w.nodes[0].api().EachException(ctx, func(e *incoming.Exception) error {
		of[e.FileID]++
		of[e.Message]++
		if e.Message == "1644/699" && strings.HasPrefix(e.Reason, refusedForItsID) && e.Excess == 0 {
			again++
			return nil
		}
		expected := slices.ContainsFunc(disputes, func(d *disputesPart) bool { return d.expects(e) }) ||
			slices.ContainsFunc(partsOf[*refusedPart](s.w), func(r *refusedPart) bool { return r.expects(e) })
		if e.Excess == 0 && !expected {
			s.w.failf("I18 a record that came back is not booked", "%+v", *e)
		}
		return nil
	})
	if err != nil {
		s.w.failf("I18 what came back cannot be read", "%v", err)
	}
	if atLeast, atMost := s.w.nodes[0].taken.again(); again < atLeast || again > atMost {
		s.w.failf("I18 a person is not told as often as a delivered file is refused for its id", "%d times, of %d to %d",
			again, atLeast, atMost)
	}
	for _, d := range disputes {
		if why := d.missing(of); why != "" {
			s.w.failf("I18 what is for a person is not told of", "%s", why)
		}
	}
}

// check implements checks: what is presented again has the reference of what was rejected (I8).
func (s *rejectsPart) check(all []*books) {
	for _, b := range all {
		for i := range b.list {
			p := &b.list[i]
			for _, op := range p.Ops {
				if op.Op == "resubmit" && op.ARN != p.Ops[op.Target].ARN {
					s.w.failf("I8 presented again under another reference", "payment %s: %s for %s", p.Payment, op.ARN,
						p.Ops[op.Target].ARN)
				}
			}
		}
	}
}

// presentedAgain tells, by acquirer reference, how often what was rejected is presented again.
func presentedAgain(all ...*books) map[string]int {
	again := map[string]int{}
	for _, b := range all {
		for i := range b.list {
			for _, op := range b.list[i].Ops {
				if op.Op == "resubmit" {
					again[op.ARN]++
				}
			}
		}
	}
	return again
}

// cameBack is what the switch has booked of a payment's presentments, debits less credits: what was charged back and
// not presented a second time, and what was rejected and given up.
type cameBack struct{ chargedBack, writtenOff int64 }

// cameBackIn tells it by payment.
func cameBackIn(all []*books) map[string]cameBack {
	back := map[string]cameBack{}
	for _, b := range all {
		for i := range b.list {
			p := &b.list[i]
			one := back[p.Payment]
			for _, op := range p.Ops {
				switch op.Op {
				case "chargeback":
					one.chargedBack += op.Amount
				case "represent":
					one.chargedBack -= op.Amount
				case "reject":
					if of := &p.Ops[op.Target]; of.Op == "represent" {
						one.chargedBack += of.Amount
					}
				case "write_off":
					if of := p.Ops[op.Target].Op; of == "refund" || of == "credit" {
						one.writtenOff -= op.Amount
					} else {
						one.writtenOff += op.Amount
					}
				}
			}
			back[p.Payment] = one
		}
	}
	return back
}

// ruled tells whether all exceptions of a file are of the plan's rules: the clearing system was told to reject.
func (w *world) ruled(exceptions []json.RawMessage) bool {
	if _, rejects := sectionOf[rejectsSection](w.plan); !rejects {
		return len(exceptions) == 0
	}
	for _, text := range exceptions {
		var one struct{ Code string }
		if err := json.Unmarshal(text, &one); err != nil || one.Code != ruledCode {
			return false
		}
	}
	return true
}
