//go:build ignore

// Dockerlint holds a Dockerfile against the checks of BuildKit, as `docker build --check` does, and needs no Docker: it
// is built with the modules of dist.mod, which is why nothing else builds it.
//
//	go run -modfile=dist.mod internal/dist/dockerlint.go Dockerfile
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/opencontainers/go-digest"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dockerlint FILE")
		os.Exit(2)
	}
	wrong, err := lint(os.Args[1])
	for _, w := range wrong {
		fmt.Println(w)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "dockerlint: %s: %v\n", os.Args[1], err)
	}
	if len(wrong) > 0 || err != nil {
		os.Exit(1)
	}
}

// lint returns what BuildKit warns of. An error is what it would not build.
func lint(name string) (wrong []string, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	o := dockerfile2llb.ConvertOpt{
		MetaResolver: unread{}, SourceMap: llb.NewSourceMap(nil, name, "Dockerfile", text), AllStages: true,
		Warn: func(rule, _, _, text string, at []parser.Range) {
			line := 0
			if len(at) > 0 {
				line = at[0].Start.Line
			}
			wrong = append(wrong, fmt.Sprintf("%s:%d: %s: %s", name, line, rule, text))
		},
	}
	_, err = dockerfile2llb.Dockerfile2LLB(context.Background(), text, o)
	return wrong, err
}

// unread says of every base image that it sets nothing, since none is fetched.
type unread struct{}

func (unread) ResolveImageConfig(
	_ context.Context, ref string, _ sourceresolver.Opt,
) (string, digest.Digest, []byte, error) {
	config := []byte(`{"architecture":"amd64","os":"linux","config":{}}`)
	return ref, digest.FromBytes(config), config, nil
}
