"""What runs inside the box: the standard library only, and nothing of Tiercel's, which is not to be seen from there.

Two processes: the tests, and the program under test. They share no memory; between them go only values, so that the
program never sees what is expected of it, and cannot say of itself that it passed.
"""
