"""What people read: every sentence that the scenarios and the plays of the corpus lead to, judged one by one."""
