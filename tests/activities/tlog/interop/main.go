// Judges this project's checkpoints and proofs with the packages that the Go project itself verifies its
// checksum database with, and makes notes for this project to judge. One JSON object in, one out.
package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type input struct {
	Verifier    string
	Checkpoints map[string]string // size to signed note
	Entries     [][]byte
	Roots       map[string]tlog.Hash // size to root
	Inclusion   []inclusion
	Consistency []consistency
	Sign        string
}

type inclusion struct {
	Index, Size int64
	Proof       tlog.RecordProof
}

type consistency struct {
	Old, Size int64
	Proof     tlog.TreeProof
}

type output struct {
	Opened    int
	Roots     int
	Included  int
	Extended  int
	Refused   int
	Verifier  string
	Note      string
	Problems  []string
	TileBytes map[string][]byte
}

func main() {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	out := output{TileBytes: map[string][]byte{}}
	problem := func(format string, arguments ...any) {
		out.Problems = append(out.Problems, fmt.Sprintf(format, arguments...))
	}
	verifier, err := note.NewVerifier(in.Verifier)
	if err != nil {
		problem("verifier: %v", err)
		json.NewEncoder(os.Stdout).Encode(out)
		return
	}
	for size, text := range in.Checkpoints {
		if opened, err := note.Open([]byte(text), note.VerifierList(verifier)); err != nil || len(opened.Sigs) != 1 {
			problem("checkpoint %s: %v", size, err)
		} else {
			out.Opened++
		}
		if _, err := note.Open([]byte("x"+text), note.VerifierList(verifier)); err != nil {
			out.Refused++
		}
	}

	var storage []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = storage[index]
		}
		return found, nil
	})
	for i, entry := range in.Entries {
		hashes, err := tlog.StoredHashes(int64(i), entry, reader)
		if err != nil {
			problem("entry %d: %v", i, err)
		}
		storage = append(storage, hashes...)
	}
	for text, root := range in.Roots {
		var size int64
		fmt.Sscan(text, &size)
		if found, err := tlog.TreeHash(size, reader); err != nil || found != root {
			problem("root at %d: %v", size, err)
		} else {
			out.Roots++
		}
	}
	for _, each := range in.Inclusion {
		leaf := tlog.RecordHash(in.Entries[each.Index])
		root := in.Roots[fmt.Sprint(each.Size)]
		if err := tlog.CheckRecord(each.Proof, each.Size, root, each.Index, leaf); err != nil {
			problem("inclusion of %d in %d: %v", each.Index, each.Size, err)
		} else {
			out.Included++
		}
	}
	for _, each := range in.Consistency {
		old, root := in.Roots[fmt.Sprint(each.Old)], in.Roots[fmt.Sprint(each.Size)]
		if err := tlog.CheckTree(each.Proof, each.Size, root, each.Old, old); err != nil {
			problem("consistency of %d with %d: %v", each.Old, each.Size, err)
		} else {
			out.Extended++
		}
	}
	for _, tile := range tlog.NewTiles(8, 0, int64(len(in.Entries))) {
		content, err := tlog.ReadTileData(tile, reader)
		if err != nil {
			problem("tile %s: %v", tile.Path(), err)
		}
		out.TileBytes[fmt.Sprintf("%d/%d/%d", tile.L, tile.N, tile.W)] = content
	}

	secret, public, err := note.GenerateKey(rand.Reader, "go.test/log")
	if err != nil {
		problem("key: %v", err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		problem("signer: %v", err)
	}
	signed, err := note.Sign(&note.Note{Text: in.Sign}, signer)
	if err != nil {
		problem("sign: %v", err)
	}
	out.Verifier, out.Note = public, string(signed)
	json.NewEncoder(os.Stdout).Encode(out)
}
