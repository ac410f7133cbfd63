package sim

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	"switchyard/internal/httpcall"
)

// Clearing files reach the issuer as they are written, while advices of their captures may still be under way, and
// payments are voided and refunded after they were settled.

func init() { addTopic(topic{name: "settlement", draw: drawSettlement}) }

const settlementPercent = 30

func drawSettlement(t *rapid.T, p *Plan) section {
	if !percent(t, settlementPercent) {
		return nil
	}
	s := settlementSection{Every: between(t, 500*time.Millisecond, 10*time.Second)}
	p.Faults = append(p.Faults, Fault{Kind: Cutover, At: between(t, time.Second, span/2), Node: bits(t, p.Nodes)})
	for i := range p.Actors {
		if !percent(t, 60) {
			continue
		}
		later := Step{Wait: between(t, span/4, span), Copies: 1, Do: []Do{DoVoid, DoRefund, DoCapture, DoReverse}[bits(t, 4)]}
		if percent(t, 50) {
			later.Amount = int64(1 + bits(t, 5000))
		}
		p.Actors[i] = append(p.Actors[i], later)
	}
	return s
}

// settlementSection says how often somebody looks into the clearing folders.
type settlementSection struct{ Every time.Duration }

// String implements section.
func (s settlementSection) String() string {
	return "files are brought to the issuer every " + s.Every.String()
}

func (s settlementSection) begin(w *world) any { return &settlementPart{w: w, every: s.Every} }

type settlementPart struct {
	w     *world
	every time.Duration
}

// play implements plays.
func (s *settlementPart) play() {
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
		for _, n := range s.w.nodes {
			n.bring()
		}
	}
}

// taken are the files of a node that the issuer has taken while the plan was played.
type taken struct {
	mu    sync.Mutex
	paths map[string]bool
	known int // deliveries that were refused since a file of that id was taken before
	lost  int // and that nobody saw an answer of
}

func (t *taken) has(path string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.paths[path]
}

func (t *taken) add(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.paths == nil {
		t.paths = map[string]bool{}
	}
	t.paths[path] = true
}

// count counts what came of a delivery.
func (t *taken) count(known, lost int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known += known
	t.lost += lost
}

// again tells how often a file was refused since one of its id was taken before: at least and at most.
func (t *taken) again() (atLeast, atMost int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known, t.known + t.lost
}

// bring hands the files that have a manifest to the issuer. What it does not take for now is brought again.
func (n *switchNode) bring() {
	type file struct {
		path string
		text []byte
	}
	var files []file
	complete := map[string]bool{} // folders with a manifest
	err := n.walkIn(clearingFolder[:len(clearingFolder)-1], func(path string, text []byte) error {
		folder := path[:strings.LastIndexByte(path, '/')+1]
		switch {
		case strings.HasSuffix(path, ".manifest.json"):
			complete[folder] = true
		case strings.HasSuffix(path, ".ipm") && !n.taken.has(path):
			files = append(files, file{path, text})
		}
		return nil
	})
	if err != nil {
		return // the node is down, or a file has gone under its temporary name
	}
	slices.SortFunc(files, func(a, b file) int { return bySequence(a.path, b.path) })
	for _, f := range files {
		if complete[f.path[:strings.LastIndexByte(f.path, '/')+1]] && !n.damages(f.path, f.text) {
			n.bringOne(f.path, f.text)
		}
	}
}

// damages tells whether a file is damaged on its way, and was brought so.
func (n *switchNode) damages(path string, text []byte) bool {
	damaged := false
	for _, refused := range partsOf[*refusedPart](n.w) {
		if damaged = refused.brings(path, text); damaged {
			n.files.noteOne(path, text)
		}
	}
	return damaged
}

func (n *switchNode) bringOne(path string, text []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var result struct{ Exceptions []json.RawMessage }
	err := n.w.control(ctx, "POST", "/v1/clearing", text, func(b []byte) error {
		return json.Unmarshal(b,
			&result)
	})
	var refused *httpcall.StatusError
	switch {
	case err == nil:
		n.w.faults.add("file brought while the plan is played", 1)
		n.w.trace.addf("issuer", "has taken %s%s", path, n.suffix())
	case errors.As(err, &refused) && refused.Status == http.StatusConflict: // by another's delivery, or one without answer
		n.taken.count(1, 0)
	case errors.As(err, &refused) && refused.Status == http.StatusUnprocessableEntity:
		n.w.failf("I8 the issuer cannot read a clearing file", "%s: %v", path, err)
		return
	default:
		n.taken.count(0, 1)
		return
	}
	if !n.w.ruled(result.Exceptions) {
		n.w.failf("I8 the issuer has exceptions to a file", "%s: %s", path, result.Exceptions)
	}
	n.taken.add(path)
	n.files.noteOne(path, text)
	for _, topic := range partsOf[delivers](n.w) {
		topic.delivered(path, text)
	}
}
