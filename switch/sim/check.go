package sim

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"switchyard/internal/httpcall"
	"switchyard/internal/vfs"
	"switchyard/switch/api"
	"switchyard/switch/audit"
	"switchyard/switch/clearing"
	toldlog "switchyard/switch/front/lines/told"
)

// reckon asks, once everything is quiet, what became of every key, sends each request that took effect once more, and
// closes the business day.
func (w *world) reckon() {
	for i := range w.nodes {
		w.served(i)
	}
	w.eachKey((*actor).confirm)
	for _, p := range partsOf[concludes](w) {
		p.conclude()
	}
	w.settle()
	for _, n := range w.nodes {
		n.closeDay()
	}
}

// eachKey calls do with each key that was used, and an actor that may ask for it.
func (w *world) eachKey(do func(a *actor, k *keyed)) {
	askers := map[*actor]*actor{} // one for each actor's node and gateway
	for _, k := range w.history.order {
		a := askers[k.by]
		if a == nil {
			a = newActor(w, k.by.number)
			askers[k.by] = a
		}
		do(a, k)
	}
	for _, a := range askers {
		a.hangUp()
	}
}

// served wants that a node approves a payment once nothing fails any more: what refuses everything loses nothing
// either. What an issuer was told to do late may still be in the way of the first.
func (w *world) served(node int) {
	tries := 3
	if host, ok := sectionOf[*hostSection](w.plan); ok && host.NoEcho {
		tries += w.plan.Links * w.plan.Hosts // a connection may be dead, and only a request finds it out
	}
	a := newActor(w, node)
	defer a.hangUp()
	for try := range tries {
		req := (&Step{Do: DoSale, Amount: 1}).creation(fmt.Sprintf("quiet%d%s", try, a.who.name))
		ans, _ := a.once(&req, false)
		if ans != nil && ans.Approved {
			return
		}
		if try == tries-1 {
			w.failf("a payment in quiet times is not approved", "%s%s: %v", requestText(&req.Request), a.node.suffix(), ans)
		}
		w.quiet()
	}
}

// overDeadLink tells whether an answer may be to a request that went over a dead connection: without echoes only a
// request finds one out, has no answer, and is reversed.
func (w *world) overDeadLink(ans *api.Answer) bool {
	host, ok := sectionOf[*hostSection](w.plan)
	return ok && host.NoEcho && ans != nil && ans.Status == api.StatusReversing
}

// confirm asks what became of a key, and sends its request once more if it took effect.
func (a *actor) confirm(k *keyed) {
	ans, _ := a.once(askFor(k.key, k.merchant), false)
	if ans == nil {
		a.w.failf("no answer in quiet times", "status of key %s", k.key)
		return
	}
	if ans.Err != nil {
		return
	}
	bodies := k.bodies()
	for i, again := range bodies {
		ans, _ = a.once(again, false)
		if ans != nil && ans.Err == nil && ans.Replayed {
			return
		}
		if i == len(bodies)-1 || ans == nil || ans.Err == nil || ans.Err.Code != api.CodeConflict {
			a.w.failf("I3 a repeat is not answered as one", "%s: %v", requestText(&again.Request), ans)
			return
		}
	}
}

// closeDay closes the business day, in some plans with a crash in between, which the next life makes up for.
func (n *switchNode) closeDay() {
	w := n.w
	if step := w.plan.Closing; step > 0 {
		w.mu.Lock()
		w.armed = []*armed{{&Fault{Kind: CrashInFiles, Node: n.number, Keeps: []int{0, 50, 100}[step%3]}, step}}
		w.mu.Unlock()
		n.cutover(false)
		n.letOut(false)
		w.mu.Lock()
		w.armed = nil
		w.mu.Unlock()
		w.quiet()
	}
	n.cutover(true)
	for _, p := range partsOf[closes](w) {
		p.close(n)
	}
}

// present hands every clearing file to the issuer, twice: it must find the posting of each record, and take each file
// once.
func (w *world) present() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, n := range w.nodes {
		n.present(ctx)
	}
}

func (n *switchNode) present(ctx context.Context) {
	w := n.w
	texts := map[string][]byte{}
	err := n.walk(func(path string, text []byte) error {
		if strings.HasSuffix(path, ".ipm") {
			texts[path] = text
		}
		return nil
	})
	if err != nil {
		w.failf("the disk cannot be read", "%v", err)
	}
	for _, path := range slices.SortedFunc(maps.Keys(texts), bySequence) {
		text := texts[path]
		if slices.ContainsFunc(partsOf[*refusedPart](w), func(r *refusedPart) bool { return r.isRefused(path) }) {
			continue // nobody brings it any more: what stood in it is presented again, or given up
		}
		if n.taken.has(path) {
			n.refuseTaken(ctx, path, text)
			continue
		}
		var result struct {
			Posted     int // records whose posting was not there
			Exceptions []json.RawMessage
		}
		err := w.control(ctx, "POST", "/v1/clearing", text, func(body []byte) error { return json.Unmarshal(body, &result) })
		if err != nil || result.Posted > 0 || len(result.Exceptions) > 0 {
			w.failf(
				"I8 the issuer does not take a clearing file as it is", "%s: %v, %d without a posting, %s", path, err,
				result.Posted, result.Exceptions,
			)
		}
		n.refuseTaken(ctx, path, text)
	}
}

// bySequence orders clearing files by date and sequence: those of a date may have several processor ids.
func bySequence(a, b string) int {
	const digits = len("00001.ipm")
	folder := func(path string) string { return path[:strings.LastIndexByte(path, '/')] }
	return cmp.Or(strings.Compare(folder(a), folder(b)), strings.Compare(a[len(a)-digits:], b[len(b)-digits:]),
		strings.Compare(a, b))
}

// refuseTaken wants that the issuer does not take a file again.
func (n *switchNode) refuseTaken(ctx context.Context, path string, text []byte) {
	var refused *httpcall.StatusError
	err := n.w.control(ctx, "POST", "/v1/clearing", text, nil)
	if !errors.As(err, &refused) || refused.Status != http.StatusConflict {
		n.w.failf("I8 the issuer takes a clearing file twice", "%s: %v", path, err)
	}
}

// fileNotes remembers the clearing files that crashes left under their final names: rebuilt or not, they must never
// change (I8).
type fileNotes struct {
	mu   sync.Mutex
	sums map[string]string
}

func (n *fileNotes) note(fs vfs.FS) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sums == nil {
		n.sums = map[string]string{}
	}
	_ = walk(fs, clearingFolder[:len(clearingFolder)-1], func(path string, text []byte) error { // there may be none yet
		if !strings.HasSuffix(path, ".tmp") && n.sums[path] == "" {
			n.sums[path] = sumOf(text)
		}
		return nil
	})
}

// noteOne remembers a file that somebody has taken.
func (n *fileNotes) noteOne(path string, text []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sums == nil {
		n.sums = map[string]string{}
	}
	if n.sums[path] == "" {
		n.sums[path] = sumOf(text)
	}
}

func sumOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// bodies are the requests that may have used the key: the one that was not refused for its body. Where nobody was
// answered it is one of those whose body was refused to no other call either, since two actors may use one key; which
// of them came first nobody knows.
func (k *keyed) bodies() (bodies []*wish) {
	for _, c := range k.calls {
		if c.answer != nil && c.answer.Err == nil && !nothingToUndo(c) {
			return []*wish{&c.req}
		}
	}
	seen := map[string]bool{}
	for _, c := range k.calls {
		if c.answer != nil && c.answer.Err != nil && c.answer.Err.Code == api.CodeConflict {
			seen[bodyOf(&c.req.Request)] = true
		}
	}
	for _, c := range k.calls {
		if body := bodyOf(&c.req.Request); c.answer == nil && !seen[body] {
			seen[body] = true
			bodies = append(bodies, &c.req)
		}
	}
	if bodies == nil {
		return []*wish{&k.req}
	}
	return bodies
}

// books are the exports of a switch and of the issuer, and the clearing files, as they stand in the end.
type books struct {
	node           *switchNode
	payments       []byte
	authorizations []byte
	ledger         []byte
	days, acts     []byte
	now            time.Time // by the switch's clock
	files          []audit.File
	list           []exported
	byID           map[string]*exported
}

// exported is a payment of the switch's export; a reading of its own, not the switch's type.
type exported struct {
	Payment  string `json:"payment"`
	Gateway  string `json:"gateway"`
	Merchant string `json:"merchant"`
	Ops      []struct {
		N            int    `json:"n"`
		Op           string `json:"op"`
		State        string `json:"state"`
		Key          string `json:"key"`
		Amount       int64  `json:"amount"`
		Granted      int64  `json:"granted"`
		Target       int    `json:"target"`
		Host         string `json:"host"`
		STAN         string `json:"stan"`
		DE7          string `json:"de7"`
		RRN          string `json:"rrn"`
		ResponseCode string `json:"response_code"`
		Date         string `json:"business_date"`
		CarriedTo    string `json:"carried_to"`
		ARN          string `json:"arn"`
		Number       int    `json:"number"`
		Automatic    bool   `json:"automatic"`
		Reason       string `json:"reason"`
		// IssuerReference is DE95 of a chargeback.
		IssuerReference string `json:"issuer_reference"`
		At              time.Time
		Clearing        *struct {
			Destination string `json:"destination"`
		} `json:"clearing"` // of a presentment that stands in its date
	} `json:"ops"`
}

// exportedIn reads an export of payments.
func exportedIn(export []byte) (list []exported, err error) {
	for dec := json.NewDecoder(bytes.NewReader(export)); ; {
		var p exported
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
}

// check holds everything against everything.
func (w *world) check() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var all []*books
	for _, n := range w.nodes {
		b, err := w.read(ctx, n)
		if err != nil {
			w.failf("the books cannot be read", "%v", err)
			return
		}
		all = append(all, b)
	}
	for _, b := range all {
		w.audit(ctx, b)
		w.ended(b)
		w.kept(b)
		w.onTheWire(b)
		w.counted(b)
		w.filesWhole(b)
	}
	w.linearizable()
	w.namesOnce()
	w.holdTold(ctx, all)
	w.noCardInClear()
	for _, p := range partsOf[checks](w) {
		p.check(all)
	}
}

func (w *world) read(ctx context.Context, n *switchNode) (*books, error) {
	b := &books{node: n, byID: map[string]*exported{}}
	keep := func(into *[]byte) func([]byte) error {
		return func(body []byte) error {
			*into = body
			return nil
		}
	}
	payments, err := n.api().OpenPayments(ctx)
	if err := whole(payments, err, keep(&b.payments)); err != nil {
		return nil, err
	}
	if err := w.control(ctx, "GET", "/v1/authorizations", nil, keep(&b.authorizations)); err != nil {
		return nil, err
	}
	if err := w.control(ctx, "GET", "/v1/ledger?audit=1", nil, keep(&b.ledger)); err != nil {
		return nil, err
	}
	days, err := n.api().OpenDays(ctx)
	if err := whole(days, err, keep(&b.days)); err != nil {
		return nil, err
	}
	acts, err := n.api().OpenActs(ctx)
	if err := whole(acts, err, keep(&b.acts)); err != nil {
		return nil, err
	}
	stats, err := n.api().Stats(ctx)
	if err != nil {
		return nil, err
	}
	b.now = stats.Now
	if b.list, err = exportedIn(b.payments); err != nil {
		return nil, err
	}
	for i := range b.list {
		b.byID[b.list[i].Payment] = &b.list[i]
	}
	texts, paths := map[string][]byte{}, []string{}
	err = n.walk(func(path string, text []byte) error {
		texts[path] = text
		paths = append(paths, path)
		return nil
	})
	for _, p := range partsOf[reads](w) {
		if err := p.read(b); err != nil {
			return nil, err
		}
	}
	b.files = audit.FilesOf(paths, func(path string) audit.Open { return opens(texts[path]) })
	return b, err
}

func opens(b []byte) audit.Open {
	return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// walk calls do with each file of the node's disk; walkIn with those of one folder.
func (n *switchNode) walk(do func(path string, text []byte) error) error {
	return n.walkIn("switch", do)
}

func (n *switchNode) walkIn(dir string, do func(path string, text []byte) error) error {
	n.mu.Lock()
	l := n.life
	n.mu.Unlock()
	if l == nil {
		return fmt.Errorf("the switch is down")
	}
	return walk(l.mem, dir, do)
}

func walk(fs vfs.FS, dir string, do func(path string, text []byte) error) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		path := fs.PathJoin(dir, name)
		info, err := fs.Stat(path)
		if err != nil {
			return err
		}
		if info.IsDir() {
			if err := walk(fs, path, do); err != nil {
				return err
			}
			continue
		}
		f, err := fs.Open(path)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(f)
		_ = f.Close() // it was only read
		if err != nil {
			return err
		}
		if err := do(path, text); err != nil {
			return err
		}
	}
	return nil
}

// told is what the actors were told by a switch, as a gateway would have logged it: a truth outside its books.
func (w *world) told(n *switchNode) (log []byte) {
	w.history.mu.Lock()
	defer w.history.mu.Unlock()
	for _, c := range w.history.calls {
		if c.by.node == n {
			log = toldlog.AppendLine(log, w.begin.Add(c.at), &c.req.Request, c.answer)
		}
	}
	return log
}

// audit holds the books, and what the actors were told, against each other with the auditor, which knows nothing of the
// switch's code.
func (w *world) audit(ctx context.Context, b *books) {
	options := audit.Options{
		Acquirer: b.node.acquirer, Node: b.node.inRRN,
		// Days that pass to close the last date end windows, too, and the audit comes before the switch has looked at them.
		WindowAge: audit.DefaultWindowAge + time.Duration(b.node.toClose.Load()),
	}
	report, err := audit.Run(ctx, audit.Sources{
		Switch: opens(b.payments), Authorizations: audit.Whole(opens(b.authorizations)), Ledger: opens(b.ledger),
		Files:   func(context.Context) ([]audit.File, error) { return b.files, nil },
		Rebuilt: b.node.api().OpenClearingCheck,
		Days:    opens(b.days), Acts: opens(b.acts), Now: func(context.Context) (time.Time, error) { return b.now, nil },
		Told: []audit.Open{opens(w.told(b.node))},
	}, options)
	if err != nil {
		w.failf("the audit does not run", "%v", err)
		return
	}
	for _, d := range report.Differences {
		w.failf("audit "+string(d.Kind), "payment %s RRN %s amount %d: %s", d.Payment, d.RRN, d.AmountMinor, d.Detail)
	}
	for _, apart := range []struct {
		what string
		list audit.Apart
	}{{"in flight", report.InFlight}, {"not cleared", report.NotCleared}, {"decided by a person", report.Decided}} {
		for i := range apart.list.Items {
			if item := &apart.list.Items[i]; !w.mayStandApart(b, item) {
				w.failf("audit, apart in the end", "%s: %+v", apart.what, *item)
			}
		}
	}
	var ledger struct{ Wrong []string }
	if err := json.Unmarshal(b.ledger, &ledger); err != nil || ledger.Wrong != nil {
		w.failf("the issuer's ledger does not add up", "%v %v", ledger.Wrong, err)
	}
}

// ended wants that nothing has stayed without an outcome: what is unknown was undone.
func (w *world) ended(b *books) {
	for i := range b.list {
		p := &b.list[i]
		for j := range p.Ops {
			op := &p.Ops[j]
			switch op.State {
			case "approved", "declined", "failed":
				continue
			case "unknown":
				reversals, done := 0, false
				for k := range p.Ops {
					if u := &p.Ops[k]; u.Op == "timeout_reversal" && u.Target == j {
						reversals++
						done = u.State == "approved"
					}
				}
				if reversals == 1 && done || w.excused(b, p, j) {
					continue
				}
				w.failf(
					"I5 an unknown outcome is not undone once", "payment %s operation %d %s: %d reversals", p.Payment, j, op.Op,
					reversals,
				)
			default:
				if w.excused(b, p, j) {
					continue
				}
				w.failf("an operation has not ended", "payment %s operation %d %s is %s%s", p.Payment, j, op.Op, op.State,
					w.wire.of(b.node, op.Host, op.DE7, op.STAN))
			}
		}
	}
}

// excused tells whether a topic says that the operation's end is as it should be.
func (w *world) excused(b *books, p *exported, op int) bool {
	return slices.ContainsFunc(partsOf[excuses](w), func(x excuses) bool { return x.excuse(b, p, op) })
}

// mayStandApart tells whether a topic excuses an operation of a payment that the audit sets apart.
func (w *world) mayStandApart(b *books, item *audit.Item) bool {
	p := b.byID[item.Payment]
	if p == nil {
		return false
	}
	for i := range p.Ops {
		if w.excused(b, p, i) {
			return true
		}
	}
	return false
}

// kept wants that every answer that anybody was given is still true (I2, I3, I4).
func (w *world) kept(b *books) {
	for _, k := range w.history.order {
		if k.node != b.node {
			continue
		}
		key := k.key
		var first *call
		for _, c := range k.calls {
			if c.answer == nil || c.answer.Err != nil || c.answer.Payment == "" || nothingToUndo(c) {
				continue
			}
			if first == nil {
				first = c
				w.keptOne(b, c)
				continue
			}
			if was, is := outcomeOf(first.answer), outcomeOf(c.answer); was != is {
				w.failf("I3 repeats are answered differently", "key %s: %s, then %s", key, was, is)
			}
		}
	}
	for i := range b.list {
		for j := range b.list[i].Ops {
			p, key := &b.list[i], b.list[i].Ops[j].Key
			if key != "" && w.history.keys[keyName(b.node, p.Merchant, key)] == nil {
				w.failf("an operation nobody asked for", "payment %s operation %d has key %s", p.Payment, j, key)
			}
		}
	}
}

// outcomeOf is what of an answer never changes.
func outcomeOf(a *api.Answer) string {
	return fmt.Sprintf(
		"%s approved %t code %q amount %d RRN %s STAN %s capture %s refund %s auth %s date %s", a.Payment, a.Approved,
		a.ResponseCode,
		a.Amount, a.RRN, a.STAN, a.Capture, a.Refund, a.AuthCode, a.BusinessDate)
}

func (w *world) keptOne(b *books, c *call) {
	p := b.byID[c.answer.Payment]
	if p == nil {
		w.failf("I2 an answered payment is gone", "%s: %s", requestText(&c.req.Request), answerText(c.answer))
		return
	}
	for i := range p.Ops {
		op := &p.Ops[i]
		if op.Key != c.req.Key {
			continue
		}
		if w.excused(b, p, i) { // a person has decided since
			return
		}
		reversing := op.State == "unknown"
		if op.RRN != c.answer.RRN || op.STAN != c.answer.STAN || c.answer.Approved != (op.State == "approved") ||
			reversing != (!c.answer.Approved &&
				c.answer.ResponseCode == "" && c.answer.Status != api.StatusFailed && op.State != "failed") {
			w.failf("I2 an answer is no longer true", "%s: %s, but operation %d is %s", requestText(&c.req.Request),
				answerText(c.answer), i, op.State)
		}
		return
	}
	w.failf("I2 an answered operation is gone", "%s: %s", requestText(&c.req.Request), answerText(c.answer))
}

// onTheWire checks the messages that the switch has sent.
func (w *world) onTheWire(b *books) {
	if w.wire.broken != "" {
		w.failf("the switch sends no messages", "%s", w.wire.broken)
		return
	}
	known := map[string]string{} // identity → RRN, of the operations in the journal
	for i := range b.list {
		for j := range b.list[i].Ops {
			if op := &b.list[i].Ops[j]; op.STAN != "" {
				known[identity(op.Host, op.DE7, op.STAN)] = op.RRN
			}
		}
	}
	first := map[string]*frame{}
	requests := map[string]*frame{} // by RRN
	frames := w.wire.all()
	for i := range frames {
		f := &frames[i]
		if f.node != b.node {
			continue
		}
		before := first[f.identity()]
		if before == nil {
			first[f.identity()] = f
		}
		if !f.financial() {
			if before != nil {
				w.failf("I9 an identity is used twice", "%s, before it %s", f.text(), before.text())
			}
			continue
		}
		if rrn, ok := known[f.identity()]; !ok || rrn != f.rrn {
			w.failf("I1 a message without an intent", "%s; the journal has RRN %q", f.text(), rrn)
		}
		if f.mti == "0100" || f.mti == "0200" {
			if r := requests[f.rrn]; r != nil {
				w.failf("I9 an RRN is given twice", "%s, before it %s", f.text(), r.text())
			}
			requests[f.rrn] = f
		}
		switch {
		case before != nil && (before.class() != f.class() || !bytes.Equal(before.raw, f.raw)):
			w.failf("I9 an identity is used twice", "%s, before it %s, and they differ", f.text(), before.text())
		case before == nil && f.repeat() && f.life == b.node.first: // a later life cannot know what an earlier one has sent
			w.failf("I5 a repeat without an original", "%s", f.text())
		}
	}
}

// counted checks the metrics of the node's last life (I11).
func (w *world) counted(b *books) {
	b.node.mu.Lock()
	l := b.node.life
	b.node.mu.Unlock()
	if l == nil {
		return
	}
	n := counts(l.registry, "switchyard_intents_total", "outcome")
	begun := n["begun"]
	ended := n["approved"] + n["declined"] + n["failed"] + n["unknown"]
	if begun != ended {
		w.failf("I11 the intents do not add up", "%v", n)
	}
	_, set := sectionOf[*clockSection](w.plan)
	if _, ends := sectionOf[windowsSection](w.plan); set || ends {
		return // what the journal has of this life cannot be told by its dates
	}
	var stored float64
	for i := range b.list {
		for j := range b.list[i].Ops {
			switch op := &b.list[i].Ops[j]; op.Op {
			case "voice", "release", "expire", "timeout_reversal": // no intents of their own
			case "settle", "reject", "chargeback", "resubmit", "write_off", "represent", "accept_dispute": // nor these
			default:
				if !op.Automatic && !op.At.Before(l.began) {
					stored++
				}
			}
		}
	}
	if begun != stored {
		w.failf("I11 the intents do not add up", "%v, of this life the journal has %v", n, stored)
	}
}

// namesOnce wants that what names something does so across all nodes (I9): RRNs, and (DE7, STAN) of one acquirer.
func (w *world) namesOnce() {
	identities, rrns := map[string]*frame{}, map[string]*frame{}
	frames := w.wire.all()
	for i := range frames {
		f := &frames[i]
		id := f.acquirer + " " + f.identity()
		if before := identities[id]; before != nil && before.node != f.node {
			w.failf("I9 two nodes use one identity", "%s, before it %s", f.text(), before.text())
		}
		identities[id] = f
		if !f.financial() || f.rrn == "" {
			continue
		}
		if before := rrns[f.rrn]; before != nil && before.node != f.node {
			w.failf("I9 two nodes use one RRN", "%s, before it %s", f.text(), before.text())
		}
		rrns[f.rrn] = f
	}
}

// filesWhole checks that each clearing file is as its manifest says and reads without an error (I8).
func (w *world) filesWhole(b *books) {
	sums, manifests := map[string]string{}, map[string]*clearing.Manifest{}
	err := b.node.walk(func(path string, text []byte) error {
		switch {
		case !isClearing(path):
			return nil
		case strings.HasSuffix(path, ".manifest.json"):
			m, err := clearing.ReadManifest(bytes.NewReader(text))
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			manifests[path] = m
		case strings.HasSuffix(path, ".ipm"):
			report, err := clearing.Verify(bytes.NewReader(text), clearing.VerifyOptions{Strict: true})
			if err != nil || len(report.Errors) > 0 {
				w.failf("I8 a clearing file is wrong", "%s: %v %v", path, report, err)
			}
		}
		sums[path] = sumOf(text)
		return nil
	})
	if err != nil {
		w.failf("I8 clearing files cannot be read", "%v", err)
	}
	for path, was := range b.node.files.sums {
		if is := sums[path]; is != was {
			w.failf("I8 a rebuilt file differs", "%s: %s, now %s", path, was, is)
		}
	}
	for path, m := range manifests {
		dir := path[:strings.LastIndexByte(path, '/')+1]
		for _, f := range m.Files {
			if sums[dir+f.Name] != f.SHA256 {
				w.failf("I8 a file is not what its manifest says", "%s: %s", path, f.Name)
			}
			delete(sums, dir+f.Name)
		}
	}
	for path := range sums {
		if manifests[path] != nil {
			continue
		}
		w.failf("I8 a file without a manifest", "%s", path)
	}
}

// noCardInClear looks for card numbers where none may be (I12).
func (w *world) noCardInClear() {
	look := func(where string, text []byte) {
		for _, card := range cards {
			if bytes.Contains(text, []byte(card)) {
				w.failf("I12 a card number in the clear", "in %s", where)
			}
		}
	}
	look("the logs", []byte(w.trace.String()))
	for _, n := range w.nodes {
		err := n.walk(func(path string, text []byte) error {
			if !strings.HasSuffix(path, ".ipm") {
				look(path, text)
			}
			return nil
		})
		if err != nil {
			w.failf("the disk cannot be read", "%v", err)
		}
	}
	w.issuer.mu.Lock()
	l := w.issuer.life
	w.issuer.mu.Unlock()
	if l == nil {
		return
	}
	if err := walk(l.mem, "issuer", func(path string, text []byte) error {
		look(path, text)
		return nil
	}); err != nil {
		w.failf("the disk cannot be read", "%v", err)
	}
}
