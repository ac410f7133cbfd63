package sim

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	"switchyard/internal/vfs"
	"switchyard/switch/clearing"
	"switchyard/switch/journal/pebble"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
)

// The journal of a switch is put back to an earlier copy of itself, as an operator does after the loss of a disk: a
// copy of its folder, or a backup. It comes last, when all books agree and all files were written; then nothing of
// what gateways were told may change at the issuer, or in files that stand, however old the copy is.

func init() { addTopic(topic{name: "restore", draw: drawRestore}) }

const restorePercent = 15

func drawRestore(t *rapid.T, _ *Plan) section {
	if !percent(t, restorePercent) {
		return nil
	}
	return restoreSection{
		Copied: between(t, 0, span/2), Backup: percent(t, 50), NoMark: percent(t, 30), Restarts: percent(t, 30),
		InDoubt: []string{"", "022", "04", "0"}[bits(t, 4)], Recovers: percent(t, 60),
	}
}

type restoreSection struct {
	Copied   time.Duration // since the actors began
	Backup   bool          // made by the switch; else its folder is copied as it lies on the disk
	NoMark   bool          // the mark outside of the data folder is lost, too
	Restarts bool          // the switch is started again while it is held
	InDoubt  string        // copied as a message whose MTI begins so is sent; "": at that time, whatever is under way
	Recovers bool          // the operator names payments in doubt that go on as after a crash
}

func (s restoreSection) String() string {
	return fmt.Sprintf("restore: copied at %s, as %q is sent, by backup %t, without its mark %t, started again %t, "+
		"recovers %t", s.Copied, s.InDoubt, s.Backup, s.NoMark, s.Restarts, s.Recovers)
}

func (s restoreSection) begin(w *world) any {
	if _, set := sectionOf[*clockSection](w.plan); set {
		return nil // how long ago the copy was made is read off the clock: while it was wrong, nothing is confirmed
	}
	return &restorePart{restoreSection: s, w: w, n: w.nodes[0], moment: make(chan struct{})}
}

type restorePart struct {
	restoreSection
	w *world
	n *switchNode

	mu      sync.Mutex
	copied  *vfs.MemFS    // nil: the switch was down
	pending bool          // to be put back before the next life
	awaits  bool          // the message as which the copy is made
	moment  chan struct{} // closed when it is sent
}

// Paths of the switch's disk.
const (
	journalFolder = "switch/journal"
	backupFolder  = "backup"
	markFile      = "switch.mark"
)

// play implements plays: it makes the copy.
func (r *restorePart) play() {
	time.Sleep(r.Copied)
	if r.InDoubt != "" {
		r.mu.Lock()
		r.awaits = true
		r.mu.Unlock()
		select {
		case <-r.moment:
		case <-r.w.acted:
		}
	}
	if r.Backup {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := r.n.api().Backup(ctx, backupFolder); err != nil {
			r.w.trace.addf("operator", "no backup: %v", err)
			return
		}
	}
	r.copy()
}

// sends implements sees: the copy is made at this moment, in which the journal has the intent and no outcome.
func (r *restorePart) sends(n *switchNode, mti string) {
	r.mu.Lock()
	now := r.awaits && n == r.n && strings.HasPrefix(mti, r.InDoubt) && mti[1] != '8'
	if now {
		r.awaits = false
		close(r.moment)
	}
	r.mu.Unlock()
	if now && !r.Backup {
		r.copy()
	}
}

// copy keeps the journal as it lies on the disk, once.
func (r *restorePart) copy() {
	r.n.mu.Lock()
	defer r.n.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.n.life; l != nil && l.started && !l.over && r.copied == nil {
		r.copied = crashed(l.mem, 0, r.w.chance, uint64(r.Copied))
		r.w.trace.addf("operator", "the journal is copied")
	}
}

// prepare implements prepares: it puts the copy in the journal's place.
func (r *restorePart) prepare(n *switchNode, _ int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n != r.n || !r.pending {
		return
	}
	r.pending = false
	from := journalFolder
	if r.Backup {
		from = backupFolder
		if _, err := pebble.CheckBackup(r.copied, from); err != nil {
			r.w.failf("a backup does not hold against its manifest", "%v", err)
		}
	}
	err := n.disk.RemoveAll(journalFolder)
	if err == nil {
		_, err = vfs.Clone(r.copied, n.disk, from, journalFolder, vfs.CloneSync)
	}
	if err == nil && r.Backup {
		err = n.disk.Remove(journalFolder + "/" + pebble.BackupManifestName)
	}
	if err == nil && r.NoMark {
		err = n.disk.Remove(markFile)
	}
	if err != nil {
		r.w.failf("the copy cannot be put back", "%v", err)
	}
	r.w.trace.addf("operator", "the journal is put back")
}

// after implements follows.
func (r *restorePart) after() {
	r.mu.Lock()
	r.pending = r.copied != nil
	pending := r.pending
	r.mu.Unlock()
	if !pending {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	was := r.standing(ctx)
	told, err := r.w.read(ctx, r.n)
	if err != nil {
		r.w.failf("the books cannot be read", "%v", err)
		return
	}
	sent := len(r.w.wire.all())
	r.w.faults.add("put back", 1)
	r.w.putBack.Store(true)
	r.n.restart(&Fault{For: time.Second})
	review := r.held(ctx)
	if r.Restarts {
		r.n.restart(&Fault{For: time.Second})
		review = r.held(ctx)
	}
	if review == nil {
		return
	}
	r.silent(sent)
	// A copy may be hours old, and a clock that is so far ahead of the journal is confirmed first.
	if _, err := r.n.api().ConfirmClock(ctx); err != nil {
		r.w.failf("restore, the clock cannot be confirmed", "%v", err)
		return
	}
	d := r.decide(ctx, told, review)
	if err := r.n.api().Confirm(ctx, review.Token, d.recovers...); err != nil {
		r.w.failf("restore, it cannot be confirmed", "%v", err)
		return
	}
	if !r.w.quiet() {
		return
	}
	if len(d.captures) > 0 {
		time.Sleep(longestAfter + dueWithin) // in which they would be made
	}
	d.check(ctx, sent)
	r.same(was, r.standing(ctx))
	r.goOn(ctx, sent)
}

// reviewed is how many operations in doubt a review lists here: more than a run has.
const reviewed = 10_000

// lifeLimit is how long a switch may take to come up.
const lifeLimit = time.Minute

// held waits for the next life, which must be held, refuse work, and close nothing; it returns the review.
func (r *restorePart) held(ctx context.Context) (review *operator.Review) {
	for give := time.Now().Add(lifeLimit); ; time.Sleep(100 * time.Millisecond) {
		var err error
		review, err = r.n.api().Review(ctx, reviewed)
		if s, up := r.n.stats(); err == nil && up && s.OpenDay != "" {
			break
		}
		if time.Now().After(give) {
			r.w.failf("restore, the switch does not come up", "%v", err)
			return nil
		}
	}
	if !review.Held {
		r.w.failf("restore, a journal that was put back is not held", "%+v", *review)
		return nil
	}
	a := newActor(r.w, 0)
	defer a.hangUp()
	step := Step{Do: DoAuthorize, Amount: 777}
	req := step.creation("after the restore")
	if ans, _ := a.once(&req, false); ans == nil || ans.Err == nil || !ans.Err.Retry() {
		r.w.failf("restore, held, and takes work", "%v", ans)
	}
	if _, err := r.n.api().Cutover(ctx, client.Cutover{Ahead: true}); err == nil {
		r.w.failf("restore, held, and closes a day", "")
	}
	time.Sleep(5 * time.Second) // in which it might send what it finds
	return review
}

// silent wants that no financial message was sent since.
func (r *restorePart) silent(since int) {
	r.w.wire.mu.Lock()
	defer r.w.wire.mu.Unlock()
	for i := range r.w.wire.frames[since:] {
		if f := &r.w.wire.frames[since+i]; f.node == r.n && f.financial() {
			r.w.failf("restore, held, and sends", "%s", f.text())
		}
	}
}

// standing is what must not change: the issuer's book, and the files by their path.
type standing struct {
	authorizations []byte
	files          map[string]string
}

func (r *restorePart) standing(ctx context.Context) standing {
	s := standing{files: map[string]string{}}
	err := r.w.control(ctx, "GET", "/v1/authorizations", nil,
		func(b []byte) error { s.authorizations = b; return nil })
	if err != nil {
		r.w.failf("the books cannot be read", "%v", err)
	}
	err = r.n.walk(func(path string, text []byte) error {
		if isClearing(path) && !strings.HasSuffix(path, ".tmp") {
			s.files[path] = sumOf(text)
		}
		return nil
	})
	if err != nil {
		r.w.failf("the disk cannot be read", "%v", err)
	}
	return s
}

// same wants that nothing has changed of what stood before the journal was put back.
func (r *restorePart) same(was, is standing) {
	if !bytes.Equal(was.authorizations, is.authorizations) {
		before, after := bytes.Split(was.authorizations, []byte("\n")), bytes.Split(is.authorizations, []byte("\n"))
		for i := range min(len(before), len(after)) {
			if !bytes.Equal(before[i], after[i]) {
				r.w.failf("restore, the issuer's book changes", "%s\nnow %s", before[i], after[i])
				break
			}
		}
	}
	r.unchanged(was, is)
}

func (r *restorePart) unchanged(was, is standing) {
	for _, path := range slices.Sorted(maps.Keys(was.files)) {
		if is.files[path] != was.files[path] {
			r.w.failf("restore, a file that stood is another one", "%s", path)
		}
	}
}

// goOn pays and closes the day after the confirmation: numbers and presentments are new, and files stay.
func (r *restorePart) goOn(ctx context.Context, before int) {
	was := r.standing(ctx)
	a := newActor(r.w, 0)
	defer a.hangUp()
	for i := range 3 {
		step := Step{Do: []Do{DoAuthorize, DoSale, DoVoice}[i], Amount: 900}
		req := step.creation(fmt.Sprint("restored ", i))
		if ans, _ := a.once(&req, false); ans == nil || ans.Err != nil || !ans.Approved && !r.w.overDeadLink(ans) {
			r.w.failf("restore, confirmed, and does not serve", "%v", ans)
		}
	}
	r.lostKeys()
	if !r.w.quiet() {
		return
	}
	r.newNumbers(before)
	r.n.cutover(true)
	r.unchanged(was, r.standing(ctx))
	presented := map[string]string{}
	err := r.n.walk(func(path string, text []byte) error {
		if !strings.HasSuffix(path, ".detail.csv") {
			return nil
		}
		for row, err := range clearing.ReadDetail(bytes.NewReader(text)) {
			if err != nil {
				return err
			}
			name := fmt.Sprintf("%s %t", row.ARN, row.Reversal)
			if first := presented[name]; first != "" {
				r.w.failf("restore, a presentment stands in two files", "%s, a reversal %t: %s and %s", row.ARN, row.Reversal,
					first, path)
			}
			presented[name] = path
		}
		return nil
	})
	if err != nil {
		r.w.failf("the disk cannot be read", "%v", err)
	}
}

// lostKeys wants that nobody who was told that a payment is approved is told that nothing was made with its key.
func (r *restorePart) lostKeys() {
	approved := func(c *call) bool { return c.answer != nil && c.answer.Approved && c.answer.Payment != "" }
	r.w.eachKey(func(a *actor, k *keyed) {
		if k.node != r.n || !slices.ContainsFunc(k.calls, approved) {
			return
		}
		ans, _ := a.once(askFor(k.key, k.merchant), false)
		if ans != nil && ans.Err != nil && strings.Contains(ans.Err.Message, "no request of this merchant") {
			r.w.failf("restore, told is that nothing was made", "key %s: %v", k.key, ans.Err)
		}
	})
}

// newNumbers wants that nothing that was sent since has a name that was given before.
func (r *restorePart) newNumbers(before int) {
	r.w.wire.mu.Lock()
	defer r.w.wire.mu.Unlock()
	identities, rrns := map[string]*frame{}, map[string]*frame{}
	for i := range r.w.wire.frames {
		f := &r.w.wire.frames[i]
		id := f.acquirer + " " + f.identity()
		if i < before {
			identities[id], rrns[f.rrn] = f, f
			continue
		}
		if was := identities[id]; was != nil && !bytes.Equal(was.raw, f.raw) {
			r.w.failf("restore, an identity is used again", "%s, before it %s", f.text(), was.text())
		}
		if was := rrns[f.rrn]; was != nil && f.financial() && (f.mti == "0100" || f.mti == "0200") {
			r.w.failf("restore, an RRN is used again", "%s, before it %s", f.text(), was.text())
		}
	}
}
