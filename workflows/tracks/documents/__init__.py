"""Documents: their texts, and the steps from an outline to a document in force.

outline → negotiating → agreed_text → concordance_certified → authenticated → execution_version → signed → in_force.

Each language text has versions, each version a digest; the **document's digest** is that of its sorted manifest
{language: text digest}, and is the only digest that concordance, initials and signatures name. Steps that a document
does not ask for, or that a single language makes empty, are passed by themselves.
"""
