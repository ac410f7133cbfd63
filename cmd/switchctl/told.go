package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/day"
	"switchyard/switch/api"
	"switchyard/switch/audit"
	"switchyard/switch/front/lines/told"
)

// toldUsage is the flag of the commands that write down what they are told.
const toldUsage = "append what the switch answers to this file, JSON lines, for switchctl audit --told"

// toldFile is a log of answers in a file. A nil one keeps nothing.
type toldFile struct {
	*told.Log
	file *os.File
}

// openTold opens a log for appending; without a name there is none.
func openTold(name string) (*toldFile, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &toldFile{told.NewLog(file), file}, nil
}

func (t *toldFile) close() error {
	if t == nil {
		return nil
	}
	return errors.Join(t.Flush(), t.file.Close())
}

// wrote enters an answer, nil where none came.
func (t *toldFile) wrote(req *api.Request, a *api.Answer) {
	if t != nil {
		t.Write(time.Now(), req, a)
	}
}

// book is the log as the audit reads it; none where nothing is kept.
func (t *toldFile) book() []audit.Open {
	if t == nil {
		return nil
	}
	return []audit.Open{func(context.Context) (io.ReadCloser, error) {
		if err := t.Flush(); err != nil {
			return nil, err
		}
		return os.Open(t.file.Name())
	}}
}

// toldPlayer writes down what one connection of a day's driver is told.
type toldPlayer struct {
	day.Client
	log *toldFile
}

// Do implements day.Client.
func (p toldPlayer) Do(ctx context.Context, req *api.Request) (*api.Answer, error) {
	a, err := p.Client.Do(ctx, req)
	p.log.wrote(req, a)
	return a, err
}

func (t *toldFile) players(clients []day.Client) []day.Client {
	for i, c := range clients {
		clients[i] = toldPlayer{c, t}
	}
	return clients
}

// toldLane writes down what one connection of a load is told.
type toldLane struct {
	loadgen.Gateway
	log *toldFile
}

// Send implements loadgen.Gateway.
func (l toldLane) Send(req *api.Request, done func(*api.Answer, error)) error {
	sent := *req
	return l.Gateway.Send(req, func(a *api.Answer, err error) {
		l.log.wrote(&sent, a)
		done(a, err)
	})
}

func (t *toldFile) lanes(lanes []loadgen.Gateway) []loadgen.Gateway {
	if t == nil {
		return lanes
	}
	for i, l := range lanes {
		lanes[i] = toldLane{l, t}
	}
	return lanes
}
