package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"switchyard/internal/slowlock"
	"switchyard/internal/vfs"
	issuersim "switchyard/issuer-sim"
	txswitch "switchyard/switch"
	"switchyard/switch/incoming"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
)

// The clearing system answers the files that it takes in files of its own, and these are given to the switch again and
// again, under their names and others, over its port and in its folder, whatever becomes of the switch meanwhile.

func init() { addTopic(topic{name: "incoming", since: 20, draw: drawIncoming}) }

const incomingPercent = 40

func drawIncoming(t *rapid.T, p *Plan) section {
	if p.Nodes != 1 || !percent(t, incomingPercent) { // several may have one processor id
		return nil
	}
	p.Faults = append(p.Faults, Fault{Kind: Cutover, At: between(t, time.Second, span/2)})
	return incomingSection{Every: between(t, 100*time.Millisecond, 5*time.Second)}
}

// incomingSection says how often somebody brings what came back.
type incomingSection struct{ Every time.Duration }

// String implements section.
func (s incomingSection) String() string {
	return "answers to files come back every " + s.Every.String()
}

func (s incomingSection) begin(w *world) any {
	return &incomingPart{w: w, every: s.Every, tried: map[string]bool{}, given: map[string]bool{}}
}

type incomingPart struct {
	w      *world
	every  time.Duration
	mu     slowlock.Mutex  // one at a time brings
	tried  map[string]bool // the files that the switch was given
	given  map[string]bool // and those that it has taken
	rounds uint64
}

// equip implements equips.
func (s *incomingPart) equip(o *issuersim.Options) { o.Clearing.Out = "out" }

// configure implements configures: the folder is none of those whose files are the switch's own.
func (s *incomingPart) configure(_ *switchNode, _ int, o *txswitch.Options) {
	o.Config.Clearing.Incoming = incomingFolder
}

const incomingFolder = "incoming"

// play implements plays.
func (s *incomingPart) play() {
	for {
		every := s.every
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

// look brings what there is, to the clearing system and back.
func (s *incomingPart) look() {
	s.w.nodes[0].bring()
	_ = s.comeBack() // brought again
	s.drop()
}

// answers are the files of the clearing system, in the order of their names.
func (s *incomingPart) answers() (names []string, texts map[string][]byte) {
	n := s.w.issuer
	n.mu.Lock()
	defer n.mu.Unlock()
	fs := n.disk
	if n.life != nil {
		fs = n.life.mem
	}
	texts = map[string][]byte{}
	all, err := fs.List("out")
	if err != nil {
		return nil, texts // there is none yet
	}
	slices.Sort(all)
	for _, name := range all {
		if !strings.HasSuffix(name, ".ipm") {
			continue
		}
		f, err := fs.Open(fs.PathJoin("out", name))
		if err != nil {
			continue
		}
		text, err := io.ReadAll(f)
		if f.Close(); err == nil {
			names, texts[name] = append(names, name), text
		}
	}
	for _, disputes := range partsOf[*disputesPart](s.w) {
		back := disputes.takeBack(names, texts)
		names = append(names, back.names...)
		maps.Copy(texts, back.texts)
	}
	return names, texts
}

// comeBack gives the switch all answers, those that it has taken, too. An error is that of a switch which is down or
// whose disk fails.
func (s *incomingPart) comeBack() (failed error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names, texts := s.answers()
	for _, name := range names {
		for _, changed := range partsOf[*changedPart](s.w) {
			switch {
			case s.given[name]:
				changed.offer(name, texts[name])
			case s.tried[name] && changed.begun(name):
				s.w.faults.add("file that a crash has cut short may come with other bytes", 1)
				changed.offer(name, texts[name])
			}
		}
		s.tried[name] = true
		over, as := func() {}, name
		if s.given[name] {
			as = "again-" + name
		} else {
			for _, rejects := range partsOf[*rejectsPart](s.w) {
				over = rejects.crashes(texts[name])
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		r, err := s.w.nodes[0].api().Receive(ctx, as, bytes.NewReader(texts[name]))
		cancel()
		over()
		if why, refused := client.Refused(err); refused && !strings.Contains(why, "is held") {
			s.w.failf("I18 a file that came back is refused", "%s: %s", name, why)
		} else if why, unfit := client.Unfit(err); unfit &&
			(strings.Contains(why, "its mode is") || s.putBack() && strings.Contains(why, "for the member")) {
			continue // this life has another mode, or a processor id under which the journal knows of no file
		} else if unfit {
			s.w.failf("I18 a file that came back is refused", "%s: %s", name, why)
		}
		if err != nil {
			failed = err
			continue
		}
		s.given[name] = true
		if !r.Again {
			s.w.faults.add("file that came back", 1)
			s.w.trace.addf("switch", "has taken %s: %d rejected, %d charged back, %d settled, %d exceptions", name, r.Rejected,
				r.ChargedBack, r.Settled, r.Exceptions)
		}
	}
	return failed
}

// drop puts one of the answers into the folder of the switch, now and then, under another name, whether it is taken or
// not.
func (s *incomingPart) drop() {
	l := s.w.nodes[0].running()
	if l == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rounds++
	names, texts := s.answers()
	if len(names) == 0 || !s.w.chance.oneIn(8, "dropped", s.rounds) {
		return
	}
	name := names[s.w.chance.below(len(names), "which is dropped", s.rounds)]
	if err := dropInto(l.mem, fmt.Sprintf("%d-%s", s.rounds, name), texts[name]); err != nil {
		s.w.failf("a file cannot be put into the folder of the switch", "%s: %v", name, err)
	}
	s.w.faults.add("file put into the folder of what comes back", 1)
}

// dropInto writes a file under another name and renames it when it is whole.
func dropInto(fs vfs.FS, name string, text []byte) error {
	path := fs.PathJoin(incomingFolder, name)
	if err := fs.MkdirAll(incomingFolder, 0o700); err != nil {
		return err
	}
	f, err := fs.Create(path+".part", vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(slices.Clone(text)) // a file changes what it is given
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(path+".part", path); err != nil {
		return err
	}
	dir, err := fs.OpenDir(incomingFolder)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// conclude implements concludes: everything has come back, and what the switch counts is what its payments have, each
// once.
func (s *incomingPart) conclude() {
	if err := s.w.overCrashes(s.comeBack); err != nil {
		s.w.failf("I18 a file that came back is not taken in quiet times", "%v", err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	counted, booked := 0, 0
	api := s.w.nodes[0].api()
	err := api.EachIncoming(ctx, func(f *incoming.File) error {
		if counted += f.Settled + f.Rejected + f.ChargedBack; f.Taken.IsZero() {
			s.w.failf("I18 a file is applied in part", "%+v", *f)
		}
		return nil
	})
	if err == nil {
		err = api.EachPayment(ctx, func(p *operator.PaymentExport) error {
			once := map[string]bool{}
			for _, op := range p.Ops {
				switch op.Op {
				case "settle", "reject", "chargeback":
				default:
					continue
				}
				booked++
				about := fmt.Sprintf("%s of operation %d", op.Op, op.Target)
				switch op.Op {
				case "reject":
					about += " by " + op.Source // what is presented again may be rejected again
				case "chargeback":
					about += fmt.Sprintf(" with reference %s, number %d", op.IssuerReference, op.Number)
				}
				if once[about] {
					s.w.failf("I18 a record is applied twice", "payment %s: %s by %s", p.Payment, about, op.Source)
				}
				once[about] = true
			}
			return nil
		})
	}
	switch {
	case err != nil:
		s.w.failf("I18 what came back cannot be read", "%v", err)
	case counted != booked && !s.putBack():
		s.w.failf("I18 records are lost, or applied twice", "%d are counted, payments have %d", counted, booked)
	}
}

// putBack tells whether the journal was put back to an earlier copy: what its files count is not what it has then.
func (s *incomingPart) putBack() bool {
	for _, section := range s.w.plan.Sections {
		if strings.Contains(section.String(), "restore") {
			return true
		}
	}
	return false
}
