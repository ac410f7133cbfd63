package server

import (
	"net/http"
	"time"

	"go.uber.org/zap"

	"switchyard/issuer-sim/message"
	"switchyard/spec"
)

// Network management as a host asks for it: the one message that this issuer sends on its own account.
const (
	mtiNetworkRequest  = "0800"
	mtiNetworkResponse = "0810"
	networkCutover     = "201" // DE70
)

// Cutover announces the host's cutover (0800, DE70 201) on each connection, as hosts do, and returns on how many. It
// waits neither for the writes nor for the answers, which are logged.
func (s *Server) Cutover() (announced int) {
	s.each(func(l *link) {
		if l.announceCutover() {
			announced++
		}
	})
	s.logger.Info("the host announces its cutover", zap.Int("connections", announced))
	return announced
}

// announceCutover queues one announcement behind what waits to be sent; false where the connection cannot take it.
func (l *link) announceCutover() bool {
	select {
	case <-l.started:
	default:
		return false // accepted this very moment; nobody has signed on
	}
	if l.deaf {
		return false
	}
	now := time.Now()
	var m spec.Message
	m.SetMTI(mtiNetworkRequest)
	m.Set(7, now.UTC().Format("0102150405"))
	m.SetUint(11, (l.server.stan.Add(1)-1)%message.MaxSTAN+1, 6)
	m.Set(70, networkCutover)
	packed, err := l.server.pack(nil, &m)
	if err == nil {
		packed, err = l.server.framing.Append(nil, packed)
	}
	if err != nil {
		l.server.logger.Warn("the dialect cannot say that the host cuts over", zap.Error(err))
		return false
	}
	l.worker.unanswered.Add(1) // before the answer can come
	if !l.later.add(delayed{due: now, frame: packed}) {
		l.worker.unanswered.Add(-1)
		return false
	}
	return true
}

// answersCutover tells whether a message that is neither request nor advice answers an announcement of this connection.
func (w *worker) answersCutover() bool {
	if w.req.MTI() != mtiNetworkResponse || w.req.String(70) != networkCutover || w.unanswered.Load() == 0 {
		return false
	}
	w.unanswered.Add(-1)
	w.server.logger.Info("the cutover was answered", zap.String("peer", w.peer), zap.String("de39", w.req.String(39)))
	return true
}

// postCutover announces the host's cutover.
func (s *Server) postCutover(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]int{"announced": s.Cutover()})
}
