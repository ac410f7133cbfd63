package sim

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/clearing"
	"switchyard/switch/cutover"
)

// Closing a business date when something is in the way: files that hold little, so that a date has many; a merchant of
// whom no record can be built, until its profile is put right; voids that overlap a cutover; and a clearing folder that
// does not let files be read or written for a while, or has no room. The switch serves meanwhile, a date is sealed
// within its issuer's deadline whatever goes on, and in the end each presentment stands in one file.

func init() { addTopic(topic{name: "clearing", draw: drawClearing}) }

const clearingPercent = 35

// clearingSection is what is in the way of the dates of a plan.
type clearingSection struct {
	Bounds   cutover.Bounds // of a file; 0: the layout's
	Broken   int            // in so many lives of each node the first merchant has no name
	Cutovers []time.Duration
	Voids    bool // many, one after another, around the first of the cutovers
	Troubles []trouble
}

// trouble is a time in which the clearing folder does not do what it should.
type trouble struct {
	At, For time.Duration // At 0: the switch begins with it
	What    troubleKind
	Of      string // the end of the names of the files that it is about; "": all
}

type troubleKind string

// about tells whether a trouble is about a file or folder.
func (x *trouble) about(name string) bool {
	return inClearing(name) && strings.HasSuffix(strings.TrimSuffix(name, ".tmp"), x.Of)
}

// inClearing tells whether a file or folder belongs to the clearing files, as their own folder does.
func inClearing(name string) bool { return isClearing(name + "/") }

const (
	readsFail  troubleKind = "reads fail"
	writesFail troubleKind = "writes fail"
	folderFull troubleKind = "no room"
)

func drawClearing(t *rapid.T, p *Plan) section {
	if !percent(t, clearingPercent) {
		return nil
	}
	s := &clearingSection{}
	if percent(t, 50) {
		s.Bounds = cutover.Bounds{
			Records: []int{0, 1, 2, 3}[bits(t, 4)], SumMinor: []int64{0, 4000, 9000, 15000}[bits(t, 4)],
			Rows: []int{0, 0, 1, 2}[bits(t, 4)],
		}
	}
	if percent(t, 30) {
		s.Broken = 1 + bits(t, 2)
	}
	for range bits(t, 3) {
		s.Cutovers = append(s.Cutovers, between(t, 0, span))
	}
	if len(s.Cutovers) > 0 && percent(t, 20) {
		s.Voids = true
		p.Deadline = 2 * time.Second
		from := s.Cutovers[0]
		p.Rules = append(p.Rules, Rule{Fault: "no_answer", MTI: "0400", Percent: 100, After: from, For: 15 * time.Second})
	}
	for range bits(t, 3) {
		x := trouble{
			At: between(t, 0, span), For: between(t, time.Second, 2*time.Minute),
			What: []troubleKind{readsFail, writesFail, folderFull}[bits(t, 3)],
			Of:   []string{"", ".manifest.json", ".summary.csv", ".ipm"}[bits(t, 4)],
		}
		if percent(t, 30) {
			x.At = 0
		}
		s.Troubles = append(s.Troubles, x)
	}
	return s
}

// String implements section.
func (s *clearingSection) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "clearing: a file holds %+v", s.Bounds)
	if s.Broken > 0 {
		fmt.Fprintf(&b, "; merchant %s has no name in the first %d lives", merchant, s.Broken)
	}
	for _, at := range s.Cutovers {
		fmt.Fprintf(&b, "; cutover at %s", at)
	}
	if s.Voids {
		b.WriteString(", voids around the first")
	}
	for _, x := range s.Troubles {
		fmt.Fprintf(&b, "; %s at %s for %s", x.What, x.At, x.For)
		if x.Of != "" {
			fmt.Fprintf(&b, " of *%s", x.Of)
		}
	}
	return b.String()
}

func (s *clearingSection) begin(w *world) any {
	return &clearingPart{clearingSection: s, w: w, broken: map[*switchNode]int{}}
}

type clearingPart struct {
	*clearingSection
	w *world

	mu     sync.Mutex
	calmed bool
	broken map[*switchNode]int // the last life in which records could not be built
}

// configure implements configures.
func (c *clearingPart) configure(_ *switchNode, _ int, o *txswitch.Options) {
	o.ClearingBounds = c.Bounds
	if len(c.Troubles) > 0 {
		o.FS = &troubledDisk{FS: o.FS, fails: c.fails}
	}
}

// spoil implements spoils: a merchants file from before profiles were held against the layout.
func (c *clearingPart) spoil(n *switchNode, life int, o *txswitch.Options) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if life > c.Broken || c.calmed {
		return
	}
	c.broken[n] = life
	c.w.faults.add("no record can be built", 1)
	all := &o.Config.Merchants.Profiles
	for i := range *all {
		if p := &(*all)[i]; p.ID == merchant {
			p.Name = " "
			return
		}
	}
	p := o.Config.Merchants.Default // but for its name the merchant is what it is in other lives
	p.ID, p.Name = merchant, " "
	*all = append(*all, p)
}

// calm implements calms: the folder is in order, and so are the profiles, with another life.
func (c *clearingPart) calm() {
	c.mu.Lock()
	first := !c.calmed
	c.calmed = true
	c.mu.Unlock()
	if !first {
		return
	}
	for n, life := range c.broken {
		n.mu.Lock()
		still := n.lives == life
		n.mu.Unlock()
		if still {
			n.restart(&Fault{})
		}
	}
}

// unrest implements hastens: each date that is closed has its files, or waits for people.
func (c *clearingPart) unrest() string {
	for _, n := range c.w.nodes {
		for date, state := range c.days(n) {
			if state != "open" && state != "written" && state != "waiting" {
				return "business date " + date + " is " + state + n.suffix()
			}
		}
	}
	return ""
}

// days are the states of a node's dates, of one whose files wait for people "waiting"; none while it does not say.
func (c *clearingPart) days(n *switchNode) map[string]string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	days, err := n.api().Days(ctx)
	if err != nil {
		return nil
	}
	states := map[string]string{}
	for _, d := range days {
		if states[d.Date] = d.State; d.State == "sealed" && isDone(&d) {
			states[d.Date] = "waiting"
		}
	}
	return states
}

// play implements plays.
func (c *clearingPart) play() {
	var all sync.WaitGroup
	for i, at := range c.Cutovers {
		all.Go(func() {
			n := c.w.nodes[i%len(c.w.nodes)]
			time.Sleep(at + time.Duration(2000+i))
			if i == 0 && c.Voids {
				all.Go(c.voids(n))
			}
			c.closes(n)
		})
	}
	all.Wait()
}

// running is the life of a node that serves; nil if there is none.
func (n *switchNode) running() *switchLife {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.life; l != nil && l.started && !l.over {
		return l
	}
	return nil
}

// closes closes a date, which must be sealed when what was under way then has had its outcome: within the issuer's
// deadline, and what that takes to be stored. Where a record cannot be built and nobody can see whether it was
// delivered, the date waits for that.
func (c *clearingPart) closes(n *switchNode) {
	const begun, stored, triedAgain = time.Second, 3 * time.Second, time.Minute
	l, since := n.running(), time.Since(c.w.begin)-triedAgain // a date that could not be sealed before waits so long
	if l == nil {
		return
	}
	c.w.aside.Go(func() { n.cutover(false) })
	time.Sleep(begun)
	before := c.days(n)
	time.Sleep(c.w.plan.Deadline + stored)
	after := c.days(n)
	// What has to be carried waits, as what cannot be built does, until it is seen whether it stands in a file already.
	if n.running() != l || (l.number <= c.Broken || c.w.plan.carries()) && c.unseen(since) {
		return
	}
	for date, state := range before {
		if state == "closing" && after[date] == "closing" {
			c.w.failf("a date is not sealed within the issuer's deadline", "%s%s", date, n.suffix())
		}
	}
}

// unseen tells whether the clearing folder could not be looked at at some time since.
func (c *clearingPart) unseen(since time.Duration) bool {
	now := time.Since(c.w.begin)
	return slices.ContainsFunc(c.Troubles, func(x trouble) bool {
		return x.What == readsFail && x.Of == "" && x.At <= now && x.At+x.For > since
	})
}

// voids makes sales at a node and returns what voids them, one after another, each while the one before it still waits
// for its answer.
func (c *clearingPart) voids(n *switchNode) func() {
	const sales, every = 14, 400 * time.Millisecond
	a := newActor(c.w, n.number)
	var made []wish
	for i := range sales {
		step := Step{Do: DoSale, Amount: 1001}
		req := step.creation("sale " + strconv.Itoa(i))
		if ans, _ := a.once(&req, false); ans != nil && ans.Err == nil && ans.Approved {
			made = append(made, wish{merchant: req.merchant, currency: req.currency, Request: api.Request{
				ID: "void", Key: "void " + strconv.Itoa(i), Op: api.OpVoid, Payment: ans.Payment,
				Present: api.Fields(api.FieldKey, api.FieldPayment),
			}})
		}
	}
	return func() {
		var all sync.WaitGroup
		for i := range made {
			all.Go(func() { a.once(&made[i], false) })
			time.Sleep(every)
		}
		all.Wait()
		a.hangUp()
	}
}

// check implements checks.
func (c *clearingPart) check(all []*books) {
	for _, b := range all {
		c.files(b)
	}
}

// files holds what stands in a node's files against what a file holds, and each record's place against the records
// before it.
func (c *clearingPart) files(b *books) {
	stands := map[string]string{}                       // presentment → file
	captures := map[string]map[int]clearing.DetailRow{} // payment → operation
	again, represented := presentedAgain(b), representedIn(b)
	err := b.node.walk(func(path string, text []byte) error {
		if !isClearing(path) || !strings.HasSuffix(path, ".detail.csv") {
			return nil
		}
		var sum int64
		records, rows := 0, map[string]bool{}
		for row, err := range clearing.ReadDetail(bytes.NewReader(text)) {
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			records, sum = records+1, sum+row.AmountMinor
			rows[row.Merchant+" "+row.Currency] = true
			second := row.FunctionCode == secondFull || row.FunctionCode == secondPart
			name := fmt.Sprintf("%s, a reversal %t, a second one %t", row.ARN, row.Reversal, second)
			switch first := stands[name]; {
			case first == "":
			case second && len(represented[row.ARN]) > 1:
				represented[row.ARN] = represented[row.ARN][1:]
			case !second && !row.Reversal && again[row.ARN] > 0:
				again[row.ARN]--
			default:
				c.w.failf("I8 a presentment stands in two files", "%s: %s and %s", name, first, path)
			}
			stands[name] = path
			if _, op, ok := strings.Cut(row.CaptureID, "-"); ok && !row.Reversal && !second {
				i, err := strconv.Atoi(op)
				if err != nil {
					return fmt.Errorf("%s: capture %s: %w", path, row.CaptureID, err)
				}
				if captures[row.PaymentID] == nil {
					captures[row.PaymentID] = map[int]clearing.DetailRow{}
				}
				captures[row.PaymentID][i] = row
			}
		}
		if over(records, c.Bounds.Records) || over(len(rows), c.Bounds.Rows) || records > 1 && over(sum, c.Bounds.SumMinor) {
			c.w.failf("I8 a file holds more than it may", "%s: %d records of %d in %d rows, at most %+v", path, records, sum,
				len(rows), c.Bounds)
		}
		return nil
	})
	if err != nil {
		c.w.failf("I8 clearing files cannot be read", "%v", err)
	}
	for payment, rows := range captures {
		c.places(b.byID[payment], rows)
	}
}

func over[T int | int64](is, most T) bool { return most > 0 && is > most }

// places wants of each capture's record that its sequence counts the records of captures that stand in files. One that
// waited for its profile may be voided after a later one was counted with it.
func (c *clearingPart) places(p *exported, rows map[int]clearing.DetailRow) {
	if p == nil || c.Broken > 0 {
		return
	}
	sequence := 0
	for i := range p.Ops {
		row, stands := rows[i]
		if p.Ops[i].Op != "capture" || !stands {
			continue
		}
		if sequence++; row.Sequence != sequence {
			c.w.failf("I8 a record has another's place", "payment %s operation %d is %d of %d, of those in files %d",
				p.Payment, i, row.Sequence, row.Count, sequence)
		}
	}
}
